import java.rmi.registry.LocateRegistry;
import java.rmi.server.UnicastRemoteObject;
import java.rmi.Remote;

/** Registry.java PORT: an RMI registry that has an object of the name "object". */
public class Registry {
    static class Thing implements Remote {
    }

    public static void main(String[] args) throws Exception {
        var thing = new Thing();
        var stub = UnicastRemoteObject.exportObject(thing, Integer.parseInt(args[0]) + 1);
        LocateRegistry.createRegistry(Integer.parseInt(args[0])).rebind("object", stub);
        Thread.sleep(Long.MAX_VALUE);
    }
}
