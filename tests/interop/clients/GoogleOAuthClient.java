// google-oauth-client. Arguments: GATEWAY PRIVATE.pem CONSUMER; the calls are those of tests/foreign/clients.rs.
// >>> docs
import com.google.api.client.auth.oauth.OAuthParameters;
import com.google.api.client.auth.oauth.OAuthRsaSigner;
import com.google.api.client.http.GenericUrl;
import com.google.api.client.http.HttpRequestFactory;
import com.google.api.client.http.HttpResponse;
import com.google.api.client.http.javanet.NetHttpTransport;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
// <<< docs
import com.google.api.client.http.ByteArrayContent;
import com.google.api.client.http.HttpContent;
import com.google.api.client.http.UrlEncodedContent;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

class GoogleOAuthClient {
    static final String HARD = "a b+c%d&e=f;g/h?i:j@k,l$ !*'()~ ä€🔐";

    public static void main(String[] arguments) throws Exception {
        String gateway = arguments[0], keyFile = arguments[1], consumer = arguments[2];
        // >>> docs
        String pem = Files.readString(Path.of(keyFile)).replaceAll("-----.*-----|\\s", "");
        var key = new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem));
        OAuthRsaSigner signer = new OAuthRsaSigner();
        signer.privateKey = KeyFactory.getInstance("RSA").generatePrivate(key);
        OAuthParameters parameters = new OAuthParameters();
        parameters.consumerKey = consumer;
        parameters.signer = signer;
        HttpRequestFactory requests = new NetHttpTransport().createRequestFactory(parameters);
        HttpResponse answer = requests.buildGetRequest(new GenericUrl(gateway + "/rest/example")).execute();
        // <<< docs
        report("get_plain", answer);

        Map<String, Object> pairs = new LinkedHashMap<>();
        pairs.put("q", HARD);
        pairs.put(HARD, "v");
        pairs.put("empty", "");
        pairs.put("sum", "1+1=2");
        Map<String, Object> repeated = Map.of("a", List.of("2", "10", ""), "b", "x");
        byte[] json = ("{\"text\": \"" + HARD + "\", \"oauth_token\": \"not a parameter\"}").getBytes("UTF-8");
        HttpContent object = new ByteArrayContent("application/json", json);

        send(requests, "GET", gateway + "/get_hard", pairs, null);
        send(requests, "GET", gateway + "/get_repeated", repeated, null);
        // Equal pairs are one to it.
        send(requests, "GET", gateway + "/get_pair_twice", Map.of("a", List.of("1", "1")), null);
        send(requests, "POST", gateway + "/post_form", Map.of(), new UrlEncodedContent(pairs));
        send(requests, "POST", gateway + "/post_form_repeated", Map.of(), new UrlEncodedContent(repeated));
        send(requests, "POST", gateway + "/post_form_and_query", Map.of("a", "1"), new UrlEncodedContent(repeated));
        send(requests, "PUT", gateway + "/put_form", Map.of(), new UrlEncodedContent(pairs));
        send(requests, "POST", gateway + "/post_json", Map.of("a", "1"), object);
        send(requests, "PUT", gateway + "/put_json", Map.of(), object);
        send(requests, "DELETE", gateway + "/delete", Map.of("force", "yes please"), null);
        parameters.token = "";
        send(requests, "GET", gateway + "/get_empty_token", Map.of(), null);
        parameters.token = null;
        parameters.realm = "a realm";
        send(requests, "GET", gateway + "/get_realm", Map.of(), null);
    }

    static void send(HttpRequestFactory requests, String method, String url, Map<String, ?> query, HttpContent body) throws Exception {
        GenericUrl target = new GenericUrl(url);
        target.putAll(query);
        var request = requests.buildRequest(method, target, body).setThrowExceptionOnExecuteError(false);
        report(url.substring(url.lastIndexOf('/') + 1), request.execute());
    }

    static void report(String name, HttpResponse answer) throws Exception {
        String body = answer.parseAsString().replace("\\", "\\\\").replace("\"", "\\\"");
        System.out.printf("{\"name\": \"%s\", \"status\": %d, \"body\": \"%s\"}%n", name, answer.getStatusCode(), body);
    }
}
