/* liboauth with libcurl. Arguments: GATEWAY PRIVATE.pem CONSUMER; the calls are those of tests/foreign/clients.rs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* >>> docs */
#include <curl/curl.h>
#include <oauth.h>
/* <<< docs */

static const char *gateway, *consumer;
static char *private_key;

/* >>> docs */
/* The value of an Authorization header; `url` with query, `form` NULL or a form's encoded pairs. */
static char *signed_header(const char *method, const char *url, const char *form) {
    int count = 0;
    char **parameters = NULL;
    char *all = malloc(strlen(url) + (form ? strlen(form) : 0) + 2);
    sprintf(all, "%s%s%s", url, form ? (strchr(url, '?') ? "&" : "?") : "", form ? form : "");
    count = oauth_split_url_parameters(all, &parameters);
    oauth_sign_array2_process(&count, &parameters, NULL, OA_RSA, method, consumer, private_key, NULL, NULL);
    char *pairs = oauth_serialize_url_sep(count, 1, parameters, ", ", 6); /* 6: only the oauth_ ones, in quotes */
    char *header = malloc(strlen(pairs) + sizeof "Authorization: OAuth ");
    sprintf(header, "Authorization: OAuth %s", pairs);
    return header;
}
/* <<< docs */

static size_t keep(char *data, size_t size, size_t count, void *into) {
    strncat(into, data, size * count);
    return size * count;
}

/* Sends a request and says what came back. */
static void send_as(const char *name, const char *method, const char *url, const char *header, const char *type, const char *body) {
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = header ? curl_slist_append(NULL, header) : NULL;
    char content_type[100], answer[5000] = "";
    long status = 0;
    if (type) {
        snprintf(content_type, sizeof content_type, "Content-Type: %s", type);
        headers = curl_slist_append(headers, content_type);
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (body)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    if (curl_easy_perform(curl) != CURLE_OK)
        exit(1);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    printf("{\"name\": \"%s\", \"status\": %ld, \"body\": \"%s\"}\n", name, status, answer);
    fflush(stdout);
    curl_easy_cleanup(curl);
}

static void in_header(const char *name, const char *method, const char *query, const char *form, const char *json) {
    char url[4000];
    snprintf(url, sizeof url, "%s/%s%s", gateway, strcmp(name, "get_plain") ? name : "rest/example", query);
    const char *type = form ? "application/x-www-form-urlencoded" : json ? "application/json" : NULL;
    send_as(name, method, url, signed_header(method, url, form), type, form ? form : json);
}

/* `name=value`, both escaped by the library. */
static char *pair(const char *name, const char *value) {
    char *escaped_name = oauth_url_escape(name), *escaped_value = oauth_url_escape(value);
    char *both = malloc(strlen(escaped_name) + strlen(escaped_value) + 2);
    sprintf(both, "%s=%s", escaped_name, escaped_value);
    return both;
}

int main(int count, char **arguments) {
    if (count != 4)
        return 2;
    gateway = arguments[1];
    consumer = arguments[3];
    FILE *file = fopen(arguments[2], "r");
    private_key = calloc(1, 10000);
    if (!file || !fread(private_key, 1, 9999, file))
        return 1;

    const char *hard = "a b+c%d&e=f;g/h?i:j@k,l$ !*'()~ ä€🔐";
    char json[200], pairs[2000], query[2001];
    snprintf(json, sizeof json, "{\"text\": \"%s\", \"oauth_token\": \"not a parameter\"}", hard);
    snprintf(pairs, sizeof pairs, "%s&%s&%s", pair("q", hard), pair("empty", ""), pair("sum", "1+1=2"));
    snprintf(query, sizeof query, "?%s", pairs);

    in_header("get_plain", "GET", "", NULL, NULL);
    in_header("get_hard", "GET", query, NULL, NULL);
    /* Names are unescaped before they are parted from their values: an escaped `=` in a name ends it. */
    in_header("get_equals_sign_in_name", "GET", "?a%3Db=c", NULL, NULL);
    in_header("get_blank_in_name", "GET", "?a%20b=c", NULL, NULL);
    in_header("get_repeated", "GET", "?a=2&a=10&a=&b=x", NULL, NULL);
    in_header("post_form", "POST", "", pairs, NULL);
    in_header("post_form_repeated", "POST", "", "a=2&a=10&a=&b=x", NULL);
    in_header("post_form_and_query", "POST", "?a=1", "a=2&a=10&a=&b=x", NULL);
    in_header("post_json", "POST", "?a=1", NULL, json);
    in_header("put_form", "PUT", "", pairs, NULL);
    in_header("put_json", "PUT", "", NULL, json);
    in_header("delete", "DELETE", "?force=yes%20please", NULL, NULL);
    in_header("get_plus", "GET", "?q=a+b", NULL, NULL);

    /* The library's own ways: all in the query, and all in the body. */
    char url[4000], *form = NULL;
    snprintf(url, sizeof url, "%s/get_in_query%s", gateway, query);
    send_as("get_in_query", "GET", oauth_sign_url2(url, NULL, OA_RSA, "GET", consumer, private_key, NULL, NULL), NULL, NULL, NULL);
    snprintf(url, sizeof url, "%s/get_another_name?a%%3Db=c", gateway);
    send_as("get_another_name", "GET", oauth_sign_url2(url, NULL, OA_RSA, "GET", consumer, private_key, NULL, NULL), NULL, NULL, NULL);
    snprintf(url, sizeof url, "%s/post_in_body%s", gateway, query);
    char *target = oauth_sign_url2(url, &form, OA_RSA, "POST", consumer, private_key, NULL, NULL);
    send_as("post_in_body", "POST", target, NULL, NULL, form);
    return 0;
}
