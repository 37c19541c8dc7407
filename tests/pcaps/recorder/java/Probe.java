import java.util.Hashtable;
import javax.naming.Context;
import javax.naming.Name;
import javax.naming.spi.ObjectFactory;

/** What an attacker would have loaded: here it does nothing. */
public class Probe implements ObjectFactory {
    @Override
    public Object getObjectInstance(Object object, Name name, Context context,
                                    Hashtable<?, ?> environment) {
        return "loaded";
    }
}
