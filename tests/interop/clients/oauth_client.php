<?php
// oauth (the extension). Arguments: GATEWAY PRIVATE.pem CONSUMER; the calls are those of tests/foreign/clients.rs.
[, $gateway, $keyFile, $consumer] = $argv;
// >>> docs
$oauth = new OAuth($consumer, 'unused', OAUTH_SIG_METHOD_RSASHA1, OAUTH_AUTH_TYPE_AUTHORIZATION);
$oauth->setRSACertificate(file_get_contents($keyFile)); // the private key, whatever the name says
$oauth->fetch("$gateway/rest/example");                 // a refusal is thrown as OAuthException
// <<< docs

function said(string $name, OAuth $oauth, ?OAuthException $refused = null): void
{
    $body = $refused === null ? $oauth->getLastResponse() : $refused->lastResponse;
    $status = $refused === null ? $oauth->getLastResponseInfo()['http_code'] : $refused->getCode();
    echo json_encode(['name' => $name, 'status' => $status, 'body' => $body]), "\n";
}

said('get_plain', $oauth);

$call = function (string $name, string $method, string $query = '', array|string $body = [], array $headers = []) use ($oauth, $gateway) {
    try {
        $oauth->fetch("$gateway/$name$query", $body, $method, $headers);
        said($name, $oauth);
    } catch (OAuthException $refused) {
        said($name, $oauth, $refused);
    }
};

$hard = "a b+c%d&e=f;g/h?i:j@k,l$ !*'()~ ä€🔐";
$pairs = ['q' => $hard, $hard => 'v', 'empty' => '', 'sum' => '1+1=2'];
$json = json_encode(['text' => $hard, 'oauth_token' => 'not a parameter']);
$type = ['Content-Type' => 'application/json'];

$call('get_hard', 'GET', '?' . http_build_query($pairs, '', '&', PHP_QUERY_RFC3986));
$call('get_parameters', 'GET', '', $pairs);
$call('get_repeated', 'GET', '?a=2&a=10&a=&b=x');
$call('get_brackets', 'GET', '?a%5B0%5D=2&a%5B1%5D=10');
$call('post_form', 'POST', '', $pairs);
$call('post_form_array', 'POST', '', ['a' => ['2', '10'], 'b' => 'x']);
$call('post_form_repeated', 'POST', '', 'a=2&a=10&a=&b=x', ['Content-Type' => 'application/x-www-form-urlencoded']);
$call('post_form_and_query', 'POST', '?a=1', ['a' => '2', 'b' => 'x']);
$call('post_json', 'POST', '', $json, $type);
$call('put_json', 'PUT', '', $json, $type);
$call('put_form', 'PUT', '', $pairs);
$call('delete', 'DELETE', '?force=yes%20please');
$oauth->setAuthType(OAUTH_AUTH_TYPE_URI);
$call('get_in_query', 'GET', '?a=1', []);
$oauth->setAuthType(OAUTH_AUTH_TYPE_FORM);
$call('post_in_body', 'POST', '', $pairs);
