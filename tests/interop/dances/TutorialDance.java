// The client of Atlassian's tutorial, on the library that it uses: google-oauth-client. Its three commands, one after the other:
// requestToken, accessToken, request. Arguments: GATEWAY PRIVATE.pem CONSUMER CALLBACK.
// >>> docs
import com.google.api.client.auth.oauth.OAuthAuthorizeTemporaryTokenUrl;
import com.google.api.client.auth.oauth.OAuthCredentialsResponse;
import com.google.api.client.auth.oauth.OAuthGetAccessToken;
import com.google.api.client.auth.oauth.OAuthGetTemporaryToken;
import com.google.api.client.auth.oauth.OAuthRsaSigner;
import com.google.api.client.http.GenericUrl;
import com.google.api.client.http.HttpResponse;
import com.google.api.client.http.javanet.NetHttpTransport;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
// <<< docs
import java.util.Scanner;

class TutorialDance {
    // >>> docs
    /** Both endpoints take POST; the library's default is GET. */
    static class TemporaryToken extends OAuthGetTemporaryToken {
        TemporaryToken(String url) {
            super(url);
            usePost = true;
        }
    }

    static class AccessToken extends OAuthGetAccessToken {
        AccessToken(String url) {
            super(url);
            usePost = true;
        }
    }

    // <<< docs
    static final Scanner ANSWERS = new Scanner(System.in);

    public static void main(String[] arguments) throws Exception {
        String gateway = arguments[0], keyFile = arguments[1], consumer = arguments[2], callback = arguments[3];
        // >>> docs
        String pem = Files.readString(Path.of(keyFile)).replaceAll("-----.*-----|\\s", "");
        var key = new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem));
        var signer = new OAuthRsaSigner();
        signer.privateKey = KeyFactory.getInstance("RSA").generatePrivate(key);
        String oauth = gateway + "/plugins/servlet/oauth";

        var temporary = new TemporaryToken(oauth + "/request-token");
        temporary.consumerKey = consumer;
        temporary.signer = signer;
        temporary.transport = new NetHttpTransport();
        temporary.callback = callback;
        OAuthCredentialsResponse request = temporary.execute();
        var page = new OAuthAuthorizeTemporaryTokenUrl(oauth + "/authorize");
        page.temporaryToken = request.token;
        // <<< docs
        String returned = step("consent", "url", page.build());
        String verifier = returned.replaceAll(".*oauth_verifier=", "");
        // >>> docs

        var access = new AccessToken(oauth + "/access-token");
        access.consumerKey = consumer;
        access.signer = signer;
        access.transport = new NetHttpTransport();
        access.temporaryToken = request.token;
        access.verifier = verifier;
        OAuthCredentialsResponse token = access.execute();
        var parameters = access.createParameters(); // its verifier goes along with every call
        parameters.token = token.token;
        var requests = new NetHttpTransport().createRequestFactory(parameters);
        HttpResponse answer = requests.buildGetRequest(new GenericUrl(gateway + "/rest/api/2/myself")).execute();
        // <<< docs
        step("called", "body", answer.parseAsString());
    }

    static String step(String what, String name, String value) {
        String escaped = value.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
        System.out.printf("{\"step\": \"%s\", \"%s\": \"%s\"}%n", what, name, escaped);
        return ANSWERS.nextLine().strip();
    }
}
