//! A form of a page, as a browser without scripts reads it.

/// What is sent if nobody touches it, and to where.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    /// As written; `None`: to where the page is.
    pub(crate) action: Option<String>,
    pub(crate) hidden: Vec<(String, String)>,
}

impl Form {
    /// The page's form that has this in it.
    #[track_caller]
    pub(crate) fn with(page: &str, what: &str) -> Self {
        let forms = page.split("<form ").skip(1).map(|rest| rest.split_once("</form>").unwrap().0);
        let form = forms.into_iter().find(|form| form.contains(what)).unwrap_or_else(|| panic!("no form has {what}: {page}"));
        let (tag, inside) = form.split_once('>').unwrap();
        assert!(tag.contains("method=\"post\""), "{tag}");
        let hidden = inside.split('<').filter(|tag| tag.starts_with("input type=\"hidden\""));
        let hidden = hidden.map(|tag| (attribute(tag, "name").unwrap(), attribute(tag, "value").unwrap()));
        Self { action: attribute(&format!(" {tag}"), "action"), hidden: hidden.collect() }
    }

    /// The fields to send, with these beside what is hidden.
    pub(crate) fn fields<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        self.hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(more.iter().copied()).collect()
    }
}

/// The text of the element with this id, which has no element in it.
pub(crate) fn text_of(page: &str, id: &str) -> Option<String> {
    let rest = page.split_once(&format!(" id=\"{id}\""))?.1.split_once('>')?.1;
    Some(unescaped(rest.split_once('<')?.0.trim()))
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split_once(&format!(" {name}=\""))?.1.split_once('"')?.0;
    Some(unescaped(value))
}

/// What the templates escape.
pub(crate) fn unescaped(text: &str) -> String {
    let pairs = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&"), ("&amp;", "&")];
    pairs.iter().fold(text.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}
