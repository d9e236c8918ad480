//! A page's form, read as a browser without scripts reads it.

/// Names and values, as they are sent if nobody touches them.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// The form that consumers are added and edited with.
    #[track_caller]
    pub(crate) fn of(page: &str) -> Self {
        let rest = page.split_once("<form id=\"consumer\"").unwrap_or_else(|| panic!("no form in {page}")).1;
        let form = rest.split_once("</form>").unwrap().0;
        Self(form.split('<').filter_map(|tag| Control::of(tag, form)).collect())
    }

    /// Fills in a field; the first one of that name.
    #[track_caller]
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        let field = self.0.iter_mut().find(|(other, _)| other == name).unwrap_or_else(|| panic!("there is no field {name}"));
        value.clone_into(&mut field.1);
        self
    }

    /// Checks a box, presses a button, or puts a value into one more field of a name.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes the check out of a box.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.retain(|(other, _)| other != name);
        self
    }

    #[track_caller]
    pub(crate) fn value(&self, name: &str) -> &str {
        &self.0.iter().find(|(other, _)| other == name).unwrap_or_else(|| panic!("there is no field {name}")).1
    }

    pub(crate) fn fields(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

struct Control;

impl Control {
    /// What the control that begins with this tag sends.
    fn of(tag: &str, form: &str) -> Option<(String, String)> {
        let (kind, _) = tag.split_once(' ')?;
        let (attributes, _) = tag.split_once('>')?;
        let name = attribute(attributes, "name")?;
        let value = match kind {
            "input" if attributes.contains("type=\"checkbox\"") && !attributes.ends_with(" checked") => {
                let described = attributes.split_once(" checked ").is_some();
                described.then(|| attribute(attributes, "value")).flatten()?
            }
            "input" => attribute(attributes, "value")?,
            // A line break right after the tag is none.
            "textarea" => unescaped(tag.split_once(">\n")?.1),
            "select" => {
                let options = form.split_once(&format!("<{attributes}"))?.1.split_once("</select>")?.0;
                let selected = options.split("<option").find(|option| option.contains(" selected>"))?;
                attribute(selected, "value")?
            }
            _ => return None,
        };
        Some((name, value))
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split_once(&format!(" {name}=\""))?.1.split_once('"')?.0;
    Some(unescaped(value))
}

/// What the templates escape.
pub(crate) fn unescaped(text: &str) -> String {
    let pairs = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    pairs.iter().fold(text.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}
