import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/**
 * Client.java KIND METHOD URL BODY [NAME VALUE]...: sends one request and prints the status.
 * KIND is "new" (java.net.http) or "old" (HttpURLConnection); an empty BODY sends none.
 */
public class Client {
    public static void main(String[] args) throws Exception {
        System.out.println(args[0].equals("new") ? sendNew(args) : sendOld(args));
    }

    static int sendNew(String[] args) throws Exception {
        var body = args[3].isEmpty() ? HttpRequest.BodyPublishers.noBody()
                                     : HttpRequest.BodyPublishers.ofString(args[3]);
        var builder = HttpRequest.newBuilder(URI.create(args[2])).method(args[1], body);
        for (int i = 4; i + 1 < args.length; i += 2) {
            builder.header(args[i], args[i + 1]);
        }
        var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        return client.send(builder.build(), HttpResponse.BodyHandlers.ofString()).statusCode();
    }

    static int sendOld(String[] args) throws Exception {
        var connection = (HttpURLConnection) URI.create(args[2]).toURL().openConnection();
        connection.setRequestMethod(args[1]);
        for (int i = 4; i + 1 < args.length; i += 2) {
            connection.setRequestProperty(args[i], args[i + 1]);
        }
        if (!args[3].isEmpty()) {
            connection.setDoOutput(true);
            connection.setChunkedStreamingMode(16);
            try (var out = connection.getOutputStream()) {
                out.write(args[3].getBytes("UTF-8"));
            }
        }
        try (var in = connection.getInputStream()) {
            in.readAllBytes();
        }
        return connection.getResponseCode();
    }
}
