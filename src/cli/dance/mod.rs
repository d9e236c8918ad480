//! `countersign dance`: the three-legged dance (RFC 5849 §2) as a consumer makes it, from the request token to the first call.
//!
//! What is asked and told on the way goes to standard error; the token, once, to standard output.

mod answer;
mod callback;
mod code;
mod listener;
mod problem;
mod provider;
mod token;

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use http::Method;

use self::answer::Answer;
use self::callback::Callback;
use self::code::Code;
use self::problem::Step;
use self::provider::{BaseUrl, Call, Provider};
use self::token::{Called, Token};
use super::failure::Failure;
use super::print;
use super::sign::{parse_consumer, parse_signature_method};
use super::signing::SigningKey;
use crate::config::DancePaths;
use crate::consumers::ConsumerKey;
use crate::oauth::percent;
use crate::oauth::signature::SignatureMethod;

/// Arguments of `dance`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Dance {
    /// The consumer key, as in consumers.yaml
    #[arg(long, value_name = "KEY", value_parser = parse_consumer)]
    consumer: ConsumerKey,
    /// The consumer's private RSA key (PEM, PKCS#8 or PKCS#1, not encrypted)
    #[arg(long, value_name = "PEM")]
    key: PathBuf,
    /// Where the browser goes with the code: oob shows it, to be typed in here; http://127.0.0.1:0/ is waited for here, at a free port
    #[arg(long, value_name = "URL", default_value = "oob")]
    callback: Callback,
    /// Read the code from a file, a named pipe, or - for standard input, once the address is shown
    #[arg(long, value_name = "FILE")]
    verifier_file: Option<PathBuf>,
    /// Renew the token that --json wrote into this file, instead of asking a user
    #[arg(long, value_name = "FILE", conflicts_with_all = ["callback", "verifier_file"])]
    renew: Option<PathBuf>,
    /// What to call with the token, below the base URL
    #[arg(long, value_name = "PATH", default_value = "/", value_parser = provider::parse_path)]
    get: String,
    /// How to sign
    #[arg(long, value_name = "METHOD", default_value = "RSA-SHA1", value_parser = parse_signature_method)]
    signature_method: SignatureMethod,
    /// The authorities that the server's certificate may be from [default: the system's]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Where request tokens are given, below the base URL
    #[arg(long, value_name = "PATH", default_value_t = DancePaths::default().request_token, value_parser = provider::parse_path)]
    request_token_path: String,
    /// Where the user is asked
    #[arg(long, value_name = "PATH", default_value_t = DancePaths::default().authorize, value_parser = provider::parse_path)]
    authorize_path: String,
    /// Where request tokens are exchanged, and access tokens renewed
    #[arg(long, value_name = "PATH", default_value_t = DancePaths::default().access_token, value_parser = provider::parse_path)]
    access_token_path: String,
    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
    /// The application's public base URL, with its context path if it has one
    base_url: BaseUrl,
}

impl Dance {
    pub(super) fn run(self) -> Result<(), Failure> {
        let key = SigningKey::read(&self.key)?;
        let provider = Provider {
            base: &self.base_url,
            key: &key,
            consumer: self.consumer.as_str(),
            method: self.signature_method,
            authorities: self.ca.as_deref(),
            runtime: provider::runtime()?,
        };
        let token = match &self.renew {
            Some(file) => self.renewed(&provider, &Token::read(file)?)?,
            None => self.danced(&provider)?,
        };
        self.finish(&provider, &token)
    }

    /// RFC 5849 §2.1 to §2.3
    fn danced(&self, provider: &Provider<'_>) -> Result<Token, Failure> {
        // What can't be waited for is not asked for.
        let code = Code::from(self.verifier_file.as_deref());
        let way = self.callback.open(code, provider)?;
        let request_token = self.request_token(provider, way.url())?;
        let authorize = provider.url(&self.authorize_path);
        tell(&format!(
            "Open this address in the browser of the user whose access is asked for:\n\n  {authorize}?oauth_token={}\n\n",
            percent::encode(request_token.as_bytes())
        ));
        let verifier = way.verifier(&request_token, provider)?;
        self.exchange(provider, &request_token, &verifier)
    }

    /// Temporary credentials; their secret signs nothing where RSA does (§3.4.3).
    fn request_token(&self, provider: &Provider<'_>, callback: &str) -> Result<String, Failure> {
        let call =
            Call { method: Method::POST, path: &self.request_token_path, token: None, more: &[("oauth_callback", callback)] };
        let answer = provider.ask(&call)?;
        let refused = || problem::failure(Step::RequestToken, &answer, provider, &[]);
        let token = answer.given("oauth_token").ok_or_else(refused)?;
        if answer.given("oauth_callback_confirmed").as_deref() != Some("true") {
            return Err(Failure::new(format!("{} does not confirm the callback: it speaks OAuth 1.0", answer.url))
                .hint("1.0 lets somebody else's consent be slipped in; the server has to speak OAuth 1.0a (RFC 5849)"));
        }
        Ok(token)
    }

    fn exchange(&self, provider: &Provider<'_>, token: &str, verifier: &str) -> Result<Token, Failure> {
        let more = [("oauth_verifier", verifier)];
        let call = Call { method: Method::POST, path: &self.access_token_path, token: Some(token), more: &more };
        let answer = provider.ask(&call)?;
        Token::given(&answer).ok_or_else(|| problem::failure(Step::AccessToken, &answer, provider, &[token, verifier]))
    }

    /// With its session handle, as the old providers renew tokens.
    fn renewed(&self, provider: &Provider<'_>, old: &Token) -> Result<Token, Failure> {
        let handle = old.session_handle.as_deref().ok_or_else(|| {
            Failure::new("the token has no session handle, and can't be renewed").hint("have the user allow access anew")
        })?;
        let more = [("oauth_session_handle", handle)];
        let call = Call { method: Method::POST, path: &self.access_token_path, token: Some(&old.token), more: &more };
        let answer = provider.ask(&call)?;
        Token::given(&answer).ok_or_else(|| problem::failure(Step::Renewal, &answer, provider, &[&old.token, handle]))
    }

    /// Shows the token whatever becomes of the call: nobody can show it again.
    fn finish(&self, provider: &Provider<'_>, token: &Token) -> Result<(), Failure> {
        if !self.json {
            print(&token.text())?;
        }
        let call = Call { method: Method::GET, path: &self.get, token: Some(&token.token), more: &[] };
        let answer = provider.ask(&call);
        let called = answer.as_ref().map(Called::of).map_err(Failure::message);
        print(&if self.json { token.json(called) } else { called.map_or_else(|_| String::new(), |called| called.text()) })?;
        refusal(&answer?, provider, token)
    }
}

/// An application's own 404 or 500 was reached with the token, which is all that the call is to show.
fn refusal(answer: &Answer, provider: &Provider<'_>, token: &Token) -> Result<(), Failure> {
    match answer.problem() {
        Some(_) => Err(problem::failure(Step::Call, answer, provider, &token.secrets())),
        None => Ok(()),
    }
}

/// Tells the person at the keyboard, or a script that reads standard error; nobody has to listen.
fn tell(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

const AFTER_HELP: &str = "\
Examples:
  countersign dance --consumer reporting --key reporting.pem \\
      --get /rest/api/2/myself https://jira.example.com
  countersign dance --consumer reporting --key reporting.pem \\
      --callback http://127.0.0.1:0/ --json https://jira.example.com > token.json
  countersign dance --consumer reporting --key reporting.pem \\
      --renew token.json --json https://jira.example.com > new.json

The token stands on standard output and nowhere else: keep it as you would a password.
Questions go to standard error.";
