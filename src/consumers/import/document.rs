//! The consumer-info document: one consumer in XML. Bytes in, values out.

use std::fmt;

use roxmltree::{Document, Node, ParsingOptions};

use crate::consumers::ConsumerKey;
use crate::dance::callback;
use crate::oauth::key::MAX_TEXT;
use crate::tokens::Callback;

/// What an application says about itself as a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its consumer key.
    pub key: ConsumerKey,
    /// Shown to people.
    pub name: String,
    /// Shown to people; may be empty.
    pub description: String,
    /// Base64 or PEM, as it stood there: [`key_check`](super::super::key_check) says what it is.
    pub public_key_text: String,
    /// Where authorization comes back to.
    pub callback_url: Option<String>,
    /// A callback that is no http or https URL as [`callback::read`] takes it, and therefore is left out.
    pub dropped_callback: Option<String>,
}

/// Why a document can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentError {
    /// More than [`MAX_DOCUMENT`] bytes.
    TooLarge,
    /// Another encoding.
    NotUtf8,
    /// A document type, with which a document could define entities.
    Doctype,
    /// More attributes than any such document has.
    Attributes,
    /// More elements than any such document has.
    Elements,
    /// No XML; the reader's words, with line and column.
    NotXml(String),
    /// An HTML page.
    Page,
    /// An element is not there, or empty.
    Missing(&'static str),
    /// An element stands twice.
    Twice(&'static str),
    /// An element has elements in it instead of text.
    NoText(&'static str),
    /// The text of an element is too long, or has characters that it may not have.
    Odd(&'static str),
}

/// Reads a document.
///
/// # Errors
/// [`DocumentError`]: what is wrong with it, without what is in it.
pub fn parse(bytes: &[u8]) -> Result<Found, DocumentError> {
    if bytes.len() > MAX_DOCUMENT {
        return Err(DocumentError::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| DocumentError::NotUtf8)?;
    // The reader compares each attribute of an element with each other one.
    if memchr::memchr_iter(b'=', bytes).take(MAX_EQUALS + 1).count() > MAX_EQUALS {
        return Err(DocumentError::Attributes);
    }
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(why)?;
    // Its name varies from application to application.
    let root = document.root_element();
    if root.tag_name().name().eq_ignore_ascii_case("html") {
        return Err(DocumentError::Page);
    }
    let callback = optional(root, "callback")?;
    let (callback_url, dropped_callback) =
        if callback.as_deref().is_some_and(is_callback) { (callback, None) } else { (None, callback) };
    Ok(Found {
        key: ConsumerKey::new(&mandatory(root, "key")?).ok_or(DocumentError::Odd("key"))?,
        name: line(&mandatory(root, "name")?, MAX_NAME).ok_or(DocumentError::Odd("name"))?,
        public_key_text: Some(mandatory(root, "publicKey")?)
            .filter(|text| text.len() <= MAX_TEXT)
            .ok_or(DocumentError::Odd("publicKey"))?,
        description: line(&optional(root, "description")?.unwrap_or_default(), MAX_DESCRIPTION)
            .ok_or(DocumentError::Odd("description"))?,
        callback_url,
        dropped_callback,
    })
}

fn mandatory(root: Node<'_, '_>, name: &'static str) -> Result<String, DocumentError> {
    optional(root, name)?.ok_or(DocumentError::Missing(name))
}

/// The text of the root's one child of this name, whatever its namespace; `None` if there is none, or a blank one.
fn optional(root: Node<'_, '_>, name: &'static str) -> Result<Option<String>, DocumentError> {
    let mut found = root.children().filter(|child| child.is_element() && child.tag_name().name() == name);
    let Some(element) = found.next() else { return Ok(None) };
    if found.next().is_some() {
        return Err(DocumentError::Twice(name));
    }
    if element.children().any(|child| child.is_element()) {
        return Err(DocumentError::NoText(name));
    }
    // All of it: a comment in the middle must not hide what comes after it.
    let text: String = element.children().filter(Node::is_text).filter_map(|child| child.text()).collect();
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}

/// Broken lines joined; no other control characters, as it goes into logs and pages.
fn line(text: &str, longest: usize) -> Option<String> {
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (joined.len() <= longest && !joined.chars().any(char::is_control)).then_some(joined)
}

/// Judged as a callback that is signed: what a browser would mend first, such as a line break in the middle, is none.
fn is_callback(text: &str) -> bool {
    matches!(callback::read(text.as_bytes()), Some(Callback::Url(_)))
}

fn why(error: roxmltree::Error) -> DocumentError {
    match error {
        // An HTML page begins with one too.
        roxmltree::Error::DtdDetected => DocumentError::Doctype,
        roxmltree::Error::NodesLimitReached => DocumentError::Elements,
        error => DocumentError::NotXml(error.to_string().chars().take(MAX_WORDS).collect::<String>().escape_debug().to_string()),
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "the document has more than {MAX_DOCUMENT} bytes"),
            Self::NotUtf8 => f.write_str("the document is not in UTF-8"),
            Self::Doctype => f.write_str("the document has a DOCTYPE, as an HTML page has; one with entities is not read"),
            Self::Attributes => write!(f, "the document has more than {MAX_EQUALS} attributes"),
            Self::Elements => write!(f, "the document has more than {MAX_NODES} elements"),
            Self::NotXml(why) => write!(f, "the document is no XML: {why}"),
            Self::Page => f.write_str("the answer is an HTML page"),
            Self::Missing(name) => write!(f, "the document has no <{name}>"),
            Self::Twice(name) => write!(f, "the document has <{name}> twice"),
            Self::NoText(name) => write!(f, "<{name}> has elements in it where a text is expected"),
            Self::Odd(name) => write!(f, "the text of <{name}> is too long, or has control characters"),
        }
    }
}

impl std::error::Error for DocumentError {}

/// In bytes; a document with a key of 8192 bits and the longest description has less than 20 kB.
pub const MAX_DOCUMENT: usize = 1_000_000;
/// Attributes have one each; base64 ends with at most two, and few texts have any.
const MAX_EQUALS: usize = 1000;
/// Elements, texts and comments; a document has about a dozen.
const MAX_NODES: u32 = 1000;
/// As old providers' columns held, in bytes.
const MAX_NAME: usize = 255;
/// In bytes.
const MAX_DESCRIPTION: usize = 10_000;
/// Of the reader's words, which may quote the document.
const MAX_WORDS: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    const JIRA: &str = r#"<?xml version="1.0" encoding="UTF-8"?><consumer><key>jira:6a3a3d9e-7a0f-4b37-a2b5-b8f0a4b1d2c3</key><name>JIRA</name><publicKey>MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC</publicKey><description>Atlassian JIRA at https://jira.example.com</description><callback>https://jira.example.com/plugins/servlet/oauth/callback</callback></consumer>"#;

    fn parse(text: &str) -> Result<Found, DocumentError> {
        super::parse(text.as_bytes())
    }

    #[test]
    fn a_document_as_jira_serves_it() {
        let found = parse(JIRA).unwrap();
        assert_eq!(found.key.as_str(), "jira:6a3a3d9e-7a0f-4b37-a2b5-b8f0a4b1d2c3");
        assert_eq!((found.name.as_str(), found.public_key_text.as_str()), ("JIRA", "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC"));
        assert_eq!(found.description, "Atlassian JIRA at https://jira.example.com");
        assert_eq!(found.callback_url.as_deref(), Some("https://jira.example.com/plugins/servlet/oauth/callback"));
    }

    #[test]
    fn what_varies_in_the_wild_is_taken() {
        let same = [
            JIRA.replace("consumer>", "consumer-info>"),
            JIRA.replace("<consumer>", "<consumer xmlns=\"urn:x\">"),
            JIRA.replace("><", ">\n  <"),
            JIRA.replace("<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "\u{feff}"),
            JIRA.replace("<name>JIRA", "<other/><name><!-- x --><![CDATA[JI]]>R<!-- x -->A\n"),
            JIRA.replace("JIRA</name>", "&#74;IRA</name>"),
        ];
        for text in same {
            assert_eq!(parse(&text).unwrap(), parse(JIRA).unwrap(), "{text}");
        }
        let bare = parse("<c><key>k</key><name>n</name><publicKey>p</publicKey></c>").unwrap();
        assert_eq!((bare.description.as_str(), bare.callback_url), ("", None));
    }

    #[test]
    fn a_callback_that_is_no_url_as_it_stands_is_left_out() {
        for odd in ["javascript:alert(1)", "ht\n\ntps://a.example/cb", "https://a.example/c b", "https://:x@a.example/", "oob"] {
            let text = JIRA.replace("https://jira.example.com/plugins/servlet/oauth/callback", odd);
            let found = parse(&text).unwrap();
            assert_eq!((found.callback_url, found.dropped_callback.as_deref()), (None, Some(odd)));
        }
    }

    #[test]
    fn a_comment_does_not_cut_a_key_short() {
        assert_eq!(
            parse(&JIRA.replace("jira:", "jira:<!-- x -->evil:")).unwrap().key.as_str(),
            "jira:evil:6a3a3d9e-7a0f-4b37-a2b5-b8f0a4b1d2c3"
        );
    }

    #[test]
    fn documents_with_a_doctype_with_entities_or_of_any_excess_are_refused() {
        let entities = "<!DOCTYPE c [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><c><key>&a;</key></c>";
        assert_eq!(parse(entities), Err(DocumentError::Doctype));
        assert_eq!(parse("<!DOCTYPE html><html><body>Log in</body></html>"), Err(DocumentError::Doctype));
        assert!(matches!(parse(&JIRA.replace("JIRA", "&x;")), Err(DocumentError::NotXml(_))));
        let attributes: String = (0..100_000).map(|n| format!(" a{n}=''")).collect();
        assert_eq!(parse(&format!("<c{attributes}/>")), Err(DocumentError::Attributes));
        assert_eq!(parse(&"<c>".repeat(100_000)), Err(DocumentError::Elements));
        assert_eq!(parse(&format!("<c>{}</c>", "<d/>".repeat(10_000))), Err(DocumentError::Elements));
        assert_eq!(super::parse(&vec![b' '; MAX_DOCUMENT + 1]), Err(DocumentError::TooLarge));
        assert_eq!(super::parse(b"<c>\xff</c>"), Err(DocumentError::NotUtf8));
        assert_eq!(parse("<html><body>Log in</body></html>"), Err(DocumentError::Page));
    }

    #[test]
    fn documents_that_lack_or_garble_something_are_refused_by_its_name() {
        for name in ["key", "name", "publicKey"] {
            let (open, close) = (format!("<{name}>"), format!("</{name}>"));
            assert_eq!(parse(&JIRA.replace(&open, "<x>").replace(&close, "</x>")), Err(DocumentError::Missing(name)));
            assert_eq!(parse(&JIRA.replace(&open, &format!("{open}{close}{open}"))), Err(DocumentError::Twice(name)));
            assert_eq!(parse(&JIRA.replace(&open, &format!("{open}<b/>"))), Err(DocumentError::NoText(name)));
            assert_eq!(parse(&format!("<c><{name}> </{name}></c>")).unwrap_err(), DocumentError::Missing("key"));
        }
        assert_eq!(parse(&JIRA.replace("jira:", &"x".repeat(256))), Err(DocumentError::Odd("key")));
        assert_eq!(parse(&JIRA.replace("jira:", "a\tb")), Err(DocumentError::Odd("key")));
        assert_eq!(parse(&JIRA.replace(">JIRA", ">JI\u{85}RA\u{9b}")), Err(DocumentError::Odd("name")));
        for text in ["", " ", "{}", "<c>", "<c></d>", "not found"] {
            assert!(matches!(parse(text), Err(DocumentError::NotXml(_))), "{text}");
        }
    }
}
