# oauth (the gem). Arguments: GATEWAY PRIVATE.pem CONSUMER; the calls are those of tests/foreign/clients.rs.
# >>> docs
require 'oauth'
# <<< docs
require 'json'

gateway, key_file, consumer_key = ARGV
# >>> docs
consumer = OAuth::Consumer.new(consumer_key, File.read(key_file), site: gateway, signature_method: 'RSA-SHA1')
client = OAuth::AccessToken.new(consumer) # two-legged: an access token without a token
answer = client.get('/rest/example')      # a refusal is raised as OAuth::Problem
# <<< docs

def said(name, answer)
  puts JSON.generate({ name: name, status: answer.code.to_i, body: answer.body }, ascii_only: true)
  $stdout.flush
end

def report(name)
  said(name, yield)
rescue OAuth::Problem => refusal
  said(name, refusal.request)
end

HARD = "a b+c%d&e=f;g/h?i:j@k,l$ !*'()~ ä€🔐".freeze
PAIRS = { 'q' => HARD, HARD => 'v', 'empty' => '', 'sum' => '1+1=2' }.freeze
REPEATED = { 'a' => ['2', '10', ''], 'b' => 'x' }.freeze
OBJECT = { text: HARD, oauth_token: 'not a parameter' }.freeze
JSON_TYPE = { 'Content-Type' => 'application/json' }.freeze

said('get_plain', answer)
report('get_hard') { client.get("/get_hard?#{URI.encode_www_form(PAIRS)}") }
report('get_repeated') { client.get("/get_repeated?#{URI.encode_www_form(REPEATED)}") }
report('post_form') { client.post('/post_form', PAIRS) }
report('post_form_repeated') { client.post('/post_form_repeated', REPEATED) }
report('post_form_and_query') { client.post('/post_form_and_query?a=1', REPEATED) }
report('post_json') { client.post('/post_json', JSON.generate(OBJECT).b, JSON_TYPE) }
report('put_form') { client.put('/put_form', PAIRS) }
report('put_json') { client.put('/put_json', JSON.generate(OBJECT).b, JSON_TYPE) }
report('delete') { client.delete('/delete?force=yes%20please') }
report('get_in_query') { consumer.request(:get, '/get_in_query?a=2&a=10', client, { scheme: :query_string }) }
report('post_in_body') { consumer.request(:post, '/post_in_body', client, { scheme: :body }, { 'q' => HARD }) }
# A form with PATCH is sent, and not signed.
report('patch_form') { client.patch('/patch_form', { 'a' => '1' }) }
report('get_flag') { client.get('/get_flag?flag') }
# Its body hash is that of the empty body, under the Content-Type of a form, which Net::HTTP adds afterwards.
report('post_empty') { client.post('/post_empty') }
