//! The page behind the link that a gateway without administrators prints at its start.

use std::io::Write;
use std::net::IpAddr;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};

use super::forms::{Fields, FormToken, OpenForm, new_password};
use super::layout::{FieldErrors, Layout};
use super::page::{message, page};
use super::sign_in::{begin, no_random_numbers, stopped};
use super::{Admin, Peer};
use crate::accounts::{MIN_LENGTH, NewSession, Password, SetUpError, UserName};
use crate::config::{AdminAddress, LogTarget};
use crate::observe::{Actor, Audited, Subject};
use crate::web::to_the_end;

/// `/setup/{token}`
pub(super) fn routes() -> Router<Admin> {
    Router::new().route("/setup/{token}", get(show).post(set_up))
}

/// Where there is nobody who could sign in, says by which link the first one comes in. Where the gateway may not write down who
/// that is, there is none that would only disappoint.
pub(super) fn open(admin: &Admin) -> std::io::Result<()> {
    if let Some(why) = admin.accounts.unwritable() {
        let file = admin.accounts.file().display();
        tracing::warn!(
            %file, %why,
            "the users file cannot be written, so neither a first administrator nor another password can be set on the pages: set \
             admin.users to a file where the gateway may write, such as its state directory, or use countersign admin"
        );
        return Ok(());
    }
    let Some(token) = admin.accounts.open_set_up()? else { return Ok(()) };
    let path = format!("/setup/{}", token.reveal());
    let link = match &*admin.address {
        AdminAddress::Loopback(address) => format!("http://{address}{path}"),
        // What stands before it is known to whoever made a way to the socket.
        AdminAddress::Unix(_) => path,
    };
    const NOBODY: &str = "nobody can sign in yet: this link makes the first administrator, once, within an hour";
    tracing::warn!(link, "{NOBODY}");
    // Whoever starts it for the first time looks at the console, wherever the log goes and whatever it leaves out.
    if admin.policy().settings.log.file != LogTarget::Stderr || !tracing::enabled!(tracing::Level::WARN) {
        let _ = writeln!(std::io::stderr(), "{NOBODY}: {link}");
    }
    Ok(())
}

#[derive(Template)]
#[template(path = "admin/pages/set_up.html")]
struct SetUpPage<'a> {
    layout: Layout,
    csrf: &'a str,
    name: &'a str,
    name_rule: &'a str,
    password_rule: &'a str,
    errors: FieldErrors,
}

async fn show(State(admin): State<Admin>, Path(token): Path<String>, headers: HeaderMap) -> Response {
    if !admin.accounts.is_set_up_open(&token) {
        return closed();
    }
    form(StatusCode::OK, &headers, "", FieldErrors::default())
}

async fn set_up(
    State(admin): State<Admin>,
    Path(token): Path<String>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    OpenForm(fields): OpenForm,
) -> Response {
    if !admin.accounts.is_set_up_open(&token) {
        return closed();
    }
    let (from, text) = (peer.address(), fields.trimmed("name"));
    let (name, password) = match filled_in(&fields) {
        Ok(filled_in) => filled_in,
        Err(errors) => return form(StatusCode::UNPROCESSABLE_ENTITY, &headers, text, errors),
    };
    match to_the_end(make(admin.clone(), token, name, password, from), stopped().into()).await {
        Ok(session) => begin(&headers, &admin, &session, "/"),
        Err(SetUpError::Closed) => closed(),
        Err(SetUpError::Write(error)) => cannot_write(&admin, &error.to_string()),
        Err(SetUpError::System(error)) => no_random_numbers(&error),
    }
}

async fn make(
    admin: Admin,
    token: String,
    name: UserName,
    password: Password,
    from: Option<IpAddr>,
) -> Result<NewSession, SetUpError> {
    let made = admin.accounts.set_up(&token, name.clone(), password).await;
    let (who, why) = (name.as_str(), made.as_ref().err().map(ToString::to_string));
    let actor = if made.is_ok() { Actor::User(who) } else { Actor::Nobody };
    let audited = Audited { refused: why.as_deref(), ..Audited::done(actor, from, "add_user", Subject::User(who)) };
    admin.audit.note(&audited).await;
    made
}

fn filled_in(fields: &Fields) -> Result<(UserName, Password), FieldErrors> {
    let Some(name) = UserName::new(fields.trimmed("name")) else {
        let mut errors = FieldErrors::default();
        errors.add("name", format!("The name has to have {}", UserName::RULE));
        return Err(errors);
    };
    new_password(&name, fields).map(|password| (name, password))
}

fn form(status: StatusCode, headers: &HeaderMap, name: &str, errors: FieldErrors) -> Response {
    let token = match FormToken::of(headers) {
        Ok(token) => token,
        Err(error) => return no_random_numbers(&error),
    };
    let rule = format!("At least {MIN_LENGTH} characters, such as four or five words that have nothing to do with each other");
    let set_up = SetUpPage {
        layout: Layout::of_nobody(),
        csrf: &token.text,
        name,
        name_rule: UserName::RULE,
        password_rule: &rule,
        errors,
    };
    let answer = page(status, &set_up);
    token.with(answer)
}

fn closed() -> Response {
    let text = "Such a link makes one administrator, within an hour of the gateway's start. Sign in, or have somebody run \
                countersign admin add-user on the gateway's machine; as long as there is nobody, a restart prints a new link.";
    message(StatusCode::GONE, "This link is no longer good", text, ("/sign-in", "Sign in"))
}

fn cannot_write(admin: &Admin, why: &str) -> Response {
    let file = admin.accounts.file().display();
    tracing::error!(%file, why, "the first administrator cannot be written down");
    let text = format!(
        "The gateway may not write {file}: {why}. Have somebody run countersign admin add-user on its machine, or set admin.users to a \
         file that the gateway may write."
    );
    message(StatusCode::SERVICE_UNAVAILABLE, "Nobody was added", &text, ("/sign-in", "Sign in"))
}
