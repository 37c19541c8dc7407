import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import javax.naming.InitialContext;
import javax.naming.NamingException;

/**
 * Victim.java ADDRESS PORT: does with a request's X-Api-Version what Log4j did with what it logged:
 * of "${jndi:NAME}" it asks JNDI for NAME, in which the host's name was put before. It answers once
 * that is done.
 */
public class Victim {
    public static void main(String[] args) throws Exception {
        var address = new InetSocketAddress(args[0], Integer.parseInt(args[1]));
        var server = HttpServer.create(address, 16);
        server.createContext("/", exchange -> {
            String version = exchange.getRequestHeaders().getFirst("X-Api-Version");
            if (version != null && version.startsWith("${jndi:")) {
                look(version.substring(7, version.length() - 1).replace("${hostName}", "web01"));
            }
            byte[] body = "done\n".getBytes("UTF-8");
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
    }

    static void look(String name) {
        try {
            System.out.println(name + ": " + new InitialContext().lookup(name));
        } catch (NamingException e) {
            System.out.println(name + ": " + e);
        }
    }
}
