// gomodule/oauth1. Arguments: GATEWAY PRIVATE.pem CONSUMER; the calls are those of tests/foreign/clients.rs.
package main

// >>> docs
import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"

	"github.com/gomodule/oauth1/oauth"
)

// <<< docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

const hard = "a b+c%d&e=f;g/h?i:j@k,l$ !*'()~ ä€🔐"

func main() {
	gateway, keyFile, consumer := os.Args[1], os.Args[2], os.Args[3]
	// >>> docs
	text, _ := os.ReadFile(keyFile)
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes) // ParsePKCS1PrivateKey for a BEGIN RSA PRIVATE KEY
	if err != nil {
		panic(err)
	}
	client := oauth.Client{
		Credentials:     oauth.Credentials{Token: consumer},
		SignatureMethod: oauth.RSASHA1,
		PrivateKey:      key.(*rsa.PrivateKey),
	}
	answer, err := client.Get(nil, nil, gateway+"/rest/example", nil) // credentials nil: two-legged
	// <<< docs
	report("get_plain", answer, err)

	pairs := url.Values{"q": {hard}, hard: {"v"}, "empty": {""}, "sum": {"1+1=2"}}
	repeated := url.Values{"a": {"2", "10", ""}, "b": {"x"}}
	one := func(name string, call func(*http.Client, *oauth.Credentials, string, url.Values) (*http.Response, error), form url.Values, token *oauth.Credentials) {
		answer, err := call(nil, token, gateway+"/"+name, form)
		report(name, answer, err)
	}
	one("get_hard", client.Get, pairs, nil)
	one("get_repeated", client.Get, repeated, nil)
	one("get_empty_token", client.Get, nil, &oauth.Credentials{})
	one("post_form", client.Post, pairs, nil)
	one("post_form_repeated", client.Post, repeated, nil)
	one("put_form", client.Put, pairs, nil)
	// Its own Delete sends the parameters as a form.
	one("delete_form", client.Delete, url.Values{"force": {"yes please"}}, nil)

	// Everything else: a request of one's own, signed by SetAuthorizationHeader.
	own := func(name, method, query, contentType string, body []byte) {
		request, err := http.NewRequest(method, gateway+"/"+name+query, bytes.NewReader(body))
		if err != nil {
			panic(err)
		}
		if contentType != "" {
			request.Header.Set("Content-Type", contentType)
		}
		if err := client.SetAuthorizationHeader(request.Header, nil, method, request.URL, nil); err != nil {
			panic(err)
		}
		answer, err := http.DefaultClient.Do(request)
		report(name, answer, err)
	}
	object, _ := json.Marshal(map[string]string{"text": hard, "oauth_token": "not a parameter"})
	own("post_json", "POST", "?a=1", "application/json", object)
	own("put_json", "PUT", "", "application/json", object)
	own("delete", "DELETE", "?force=yes%20please", "", nil)
	// Go's own reading of a query leaves out what has a bare semicolon, and so does the signature.
	own("get_semicolon", "GET", "?a=1;b=2", "", nil)

	form := url.Values{"q": {hard}}
	if err := client.SignForm(nil, "POST", gateway+"/post_in_body", form); err != nil {
		panic(err)
	}
	answer, err = http.PostForm(gateway+"/post_in_body", form)
	report("post_in_body", answer, err)
}

func report(name string, answer *http.Response, err error) {
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		panic(err)
	}
	line, _ := json.Marshal(map[string]interface{}{"name": name, "status": answer.StatusCode, "body": string(body)})
	fmt.Println(string(line))
}
