# Net::OAuth with LWP. Arguments: GATEWAY PRIVATE.pem CONSUMER; the calls are those of tests/foreign/clients.rs.
use strict;
use warnings;
use utf8;
# >>> docs
use Crypt::OpenSSL::RSA;
use LWP::UserAgent;
use Net::OAuth;
# <<< docs
use HTTP::Request::Common;
use JSON::PP;
use URI;

my ($gateway, $key_file, $consumer) = @ARGV;
# >>> docs
my $private_key = Crypt::OpenSSL::RSA->new_private_key(do { local (@ARGV, $/) = $key_file; <> });
$private_key->use_sha1_hash;

sub signed {
    my ($method, $url, %parameters) = @_;
    my $request = Net::OAuth->request('consumer')->new(
        consumer_key => $consumer, consumer_secret => '', signature_method => 'RSA-SHA1', signature_key => $private_key,
        request_method => $method, request_url => $url, extra_params => \%parameters,
        timestamp => time, nonce => join('', map { ('a' .. 'z')[rand 26] } 1 .. 20));
    $request->sign;
    return $request;
}
my $agent = LWP::UserAgent->new;
my $url = "$gateway/rest/example";
my $answer = $agent->get($url, Authorization => signed('GET', $url)->to_authorization_header);
# <<< docs

sub report {
    my ($name, $response) = @_;
    print JSON::PP->new->ascii->canonical->encode({ name => $name, status => $response->code + 0, body => $response->decoded_content }), "\n";
}

my $hard = q{a b+c%d&e=f;g/h?i:j@k,l$ !*'()~ ä€🔐};
my %hard = (q => $hard, $hard => 'v', empty => '', sum => '1+1=2');
my $json = JSON::PP->new->ascii->canonical->encode({ text => $hard, oauth_token => 'not a parameter' });
report('get_plain', $answer);
# Everything in the query, as to_url writes it: parameters are given as such, and not in the URL.
report('get_in_query', $agent->get(signed('GET', "$gateway/get_in_query", %hard)->to_url));
report('post_all_in_query', $agent->request(HTTP::Request->new(POST => signed('POST', "$gateway/post_all_in_query", %hard)->to_url)));
report('put_all_in_query', $agent->request(HTTP::Request->new(PUT => signed('PUT', "$gateway/put_all_in_query", %hard)->to_url)));
report('delete', $agent->delete(signed('DELETE', "$gateway/delete", force => 'yes please')->to_url));
my $form = 'application/x-www-form-urlencoded';
report('post_in_body', $agent->post("$gateway/post_in_body", Content_Type => $form,
    Content => signed('POST', "$gateway/post_in_body", %hard)->to_post_body));

# In the header; the parameters of query and form beside it.
sub with_header {
    my ($name, $method, $query, $type, $body, %parameters) = @_;
    my $url = "$gateway/$name" . $query;
    my $request = HTTP::Request->new($method => $url);
    $request->header(Authorization => signed($method, $url, %parameters)->to_authorization_header(undef, ', '));
    $request->header('Content-Type' => $type) if $type;
    $request->content($body) if defined $body;
    report($name, $agent->request($request));
}
sub pairs { my %p = @_; my $uri = URI->new('http:'); $uri->query_form(map { utf8::encode(my $t = $_); $t } %p); return $uri->query }
with_header('get_ascii', 'GET', '?q=a%20b%2Bc%26d&empty=');
with_header('post_form', 'POST', '', $form, pairs(%hard), %hard);
with_header('put_form', 'PUT', '', $form, pairs(%hard), %hard);
with_header('post_json', 'POST', '?a=1', 'application/json', $json);
with_header('put_json', 'PUT', '', 'application/json', $json);
# A name that comes again in the URL is signed once, with its first value.
with_header('get_repeated', 'GET', '?a=2&a=10&a=&b=x');
with_header('post_form_repeated', 'POST', '', $form, 'a=2&a=10&a=&b=x', a => '2', b => 'x');
# What is not ASCII in the URL is decoded to bytes, and those are encoded as characters.
{
    local $SIG{__WARN__} = sub { };
    with_header('get_beyond_ascii_in_url', 'GET', '?q=%C3%A4');
}
