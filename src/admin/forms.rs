//! Forms as they are sent. Who has one has the proof that it was ours.

use axum::extract::rejection::RawFormRejection;
use axum::extract::{FromRequest, FromRequestParts, RawForm, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::Admin;
use super::cookies;
use super::layout::FieldErrors;
use super::page::message;
use super::session::SignedIn;
use super::words::sentence;
use crate::accounts::{Password, UserName};
use crate::secret::{Secret, SecretHash};

/// The fields of a form.
pub struct Fields(Vec<(String, String)>);

impl Fields {
    fn read(form: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(form).into_owned().collect())
    }

    /// What was filled in; empty where there is no such field.
    pub fn text(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// As [`Self::text`], without the blanks around it that come along when something is pasted.
    pub fn trimmed(&self, name: &str) -> &str {
        self.text(name).trim()
    }

    /// Every value of a field that there may be several of.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Whether there is such a field: a box that is checked, a button that was pressed.
    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }
}

/// A form that somebody who is signed in sent from a page of this session.
pub struct Submission {
    /// Who sent it.
    pub signed_in: SignedIn,
    /// What is in it.
    pub fields: Fields,
}

impl FromRequest<Admin> for Submission {
    type Rejection = Response;

    async fn from_request(request: Request, admin: &Admin) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let signed_in = SignedIn::from_request_parts(&mut parts, admin).await.map_err(IntoResponse::into_response)?;
        let fields = read(Request::from_parts(parts, body)).await?;
        if !signed_in.csrf.is(fields.text(CSRF)) {
            return Err(not_ours("/"));
        }
        Ok(Self { signed_in, fields })
    }
}

/// A form that needs nobody to be signed in; the same random value in it and in a cookie says that one browser got both from here.
pub(super) struct OpenForm(pub(super) Fields);

impl<S: Sync> FromRequest<S> for OpenForm {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let cookie = cookies::find(request.headers(), cookies::FORM).map(SecretHash::of);
        let path = request.uri().path().to_owned();
        let fields = read(request).await?;
        let is_ours = cookie.is_some_and(|cookie| !fields.text(CSRF).is_empty() && cookie.is_of(fields.text(CSRF)));
        if is_ours { Ok(Self(fields)) } else { Err(not_ours(&path)) }
    }
}

/// The value for an [`OpenForm`]: that of the cookie if there is one, so that two open pages do not spoil each other, or a new one.
pub(super) struct FormToken {
    pub(super) text: String,
    fresh: Option<Secret>,
}

impl FormToken {
    pub(super) fn of(headers: &HeaderMap) -> std::io::Result<Self> {
        match cookies::find(headers, cookies::FORM).filter(|text| Secret::looks_like_one(text)) {
            Some(text) => Ok(Self { text: text.to_owned(), fresh: None }),
            None => Secret::random().map(|fresh| Self { text: fresh.reveal().to_owned(), fresh: Some(fresh) }),
        }
    }

    /// The page together with its cookie.
    pub(super) fn with(self, page: Response) -> Response {
        match self.fresh {
            Some(fresh) => (cookies::set(cookies::FORM, &fresh), page).into_response(),
            None => page,
        }
    }
}

/// The password that was chosen in the field `password`, and repeated in `again`.
pub(super) fn new_password(user: &UserName, fields: &Fields) -> Result<Password, FieldErrors> {
    let mut errors = FieldErrors::default();
    let password = Password::new(fields.text("password"));
    if let Err(unfit) = password.check(user) {
        errors.add("password", sentence(&unfit.to_string()));
    } else if fields.text("password") != fields.text("again") {
        errors.add("again", "The two passwords are not the same");
    }
    if errors.is_empty() { Ok(password) } else { Err(errors) }
}

async fn read(request: Request) -> Result<Fields, Response> {
    match RawForm::from_request(request, &()).await {
        Ok(RawForm(form)) => Ok(Fields::read(&form)),
        Err(rejection) => Err(unreadable(rejection)),
    }
}

fn unreadable(rejection: RawFormRejection) -> Response {
    rejection.into_response()
}

fn not_ours(again: &str) -> Response {
    let text = "Nothing was changed: this form was not opened in this browser, or it was open for too long. Open it again and send it anew.";
    message(StatusCode::FORBIDDEN, "Please send this again", text, (again, "Open the page again"))
}

/// The hidden field.
const CSRF: &str = "csrf";
