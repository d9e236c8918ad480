//! HTTP/1.1 messages, read as strictly as RFC 9112 allows: whatever has two readings is malformed here.

/// Name and value, in the order in which they came.
pub type Fields = Vec<(String, String)>;

/// A complete request.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub fields: Fields,
    pub body: Vec<u8>,
    pub trailers: Fields,
}

/// A complete response.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub fields: Fields,
    pub body: Vec<u8>,
    pub trailers: Fields,
    /// The 1xx answers before it.
    pub informational: Vec<u16>,
}

/// A message's head, and how many bytes it took.
pub struct Head {
    pub first_line: String,
    pub fields: Fields,
    pub length: usize,
}

/// `Ok(None)`: not complete yet. `Err`: malformed, and why.
pub type Parsed<T> = Result<Option<T>, String>;

fn values<'a>(fields: &'a Fields, name: &str) -> Vec<&'a str> {
    fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect()
}

fn single<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    let values = values(fields, name);
    assert!(values.len() <= 1, "{name} stands {} times: {fields:?}", values.len());
    values.first().copied()
}

impl Request {
    /// The header's one value.
    pub fn field(&self, name: &str) -> Option<&str> {
        single(&self.fields, name)
    }

    /// All values of a header.
    pub fn values(&self, name: &str) -> Vec<&str> {
        values(&self.fields, name)
    }

    /// Values of every header that some server could take for `name`: any case, and `_` or `.` for `-`.
    pub fn spellings_of(&self, name: &str) -> Vec<&str> {
        let folded = |name: &str| name.to_ascii_lowercase().replace(['_', '.'], "-");
        self.fields.iter().filter(|(n, _)| folded(n) == folded(name)).map(|(_, value)| value.as_str()).collect()
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Response {
    pub fn field(&self, name: &str) -> Option<&str> {
        single(&self.fields, name)
    }

    pub fn values(&self, name: &str) -> Vec<&str> {
        values(&self.fields, name)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The refusal's body: the pairs of OAuth Problem Reporting, decoded.
    pub fn pair(&self, name: &str) -> Option<String> {
        let pairs = super::percent::pairs(self.text().trim());
        let value = pairs.into_iter().find(|(n, _)| n == name.as_bytes())?.1;
        Some(String::from_utf8_lossy(&value).into_owned())
    }

    /// `oauth_problem` of a refusal.
    pub fn problem(&self) -> Option<String> {
        self.pair("oauth_problem")
    }
}

/// Reads a head: lines ended by CRLF, fields without folding, names that are tokens.
pub fn head(bytes: &[u8]) -> Parsed<Head> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = text.split("\r\n");
    let first_line = lines.next().unwrap_or_default().to_owned();
    let fields = lines.map(field_line).collect::<Result<Fields, String>>()?;
    Ok(Some(Head { first_line, fields, length: end + 4 }))
}

/// Reads the first request of `bytes` and says how long it is.
pub fn request(bytes: &[u8]) -> Parsed<(Request, usize)> {
    let Some(head) = head(bytes)? else {
        return Ok(None);
    };
    let parts: Vec<&str> = head.first_line.split(' ').collect();
    let [method, target, "HTTP/1.1"] = parts[..] else {
        return Err(format!("request line {:?}", head.first_line));
    };
    if values(&head.fields, "host").len() != 1 {
        return Err(format!("not exactly one Host: {:?}", head.fields));
    }
    let (method, target) = (method.to_owned(), target.to_owned());
    let body = match framing(&head.fields)? {
        Framing::Chunked => chunked(&bytes[head.length..])?,
        Framing::Length(length) => of_length(&bytes[head.length..], length),
        Framing::Unsaid => of_length(&bytes[head.length..], 0),
    };
    Ok(body.map(|body| {
        let request = Request { method, target, fields: head.fields, body: body.bytes, trailers: body.trailers };
        (request, head.length + body.length)
    }))
}

/// Reads the first final response of `bytes`; `at_end` says that no more bytes come.
pub fn response(bytes: &[u8], to_method: &str, at_end: bool) -> Parsed<(Response, usize)> {
    let (mut start, mut informational) = (0, Vec::new());
    loop {
        let Some(head) = head(&bytes[start..])? else {
            return Ok(None);
        };
        let status = status_of(&head.first_line)?;
        start += head.length;
        if (100..200).contains(&status) && status != 101 {
            informational.push(status);
            continue;
        }
        let rest = &bytes[start..];
        let bodiless = to_method == "HEAD" || matches!(status, 101 | 204 | 304);
        let body = match framing(&head.fields)? {
            _ if bodiless => of_length(rest, 0),
            Framing::Chunked => chunked(rest)?,
            Framing::Length(length) => of_length(rest, length),
            Framing::Unsaid => of_length(rest, rest.len()).filter(|_| at_end),
        };
        return Ok(body.map(|body| {
            let (bytes, trailers) = (body.bytes, body.trailers);
            (Response { status, fields: head.fields, body: bytes, trailers, informational }, start + body.length)
        }));
    }
}

/// All complete requests on a connection, and the bytes after them.
pub fn requests(mut bytes: &[u8]) -> Result<(Vec<Request>, Vec<u8>), String> {
    let mut complete = Vec::new();
    while let Some((request, length)) = request(bytes)? {
        complete.push(request);
        bytes = &bytes[length..];
    }
    Ok((complete, bytes.to_vec()))
}

struct Body {
    bytes: Vec<u8>,
    trailers: Fields,
    length: usize,
}

enum Framing {
    Chunked,
    Length(usize),
    Unsaid,
}

fn framing(fields: &Fields) -> Result<Framing, String> {
    match (&values(fields, "transfer-encoding")[..], &values(fields, "content-length")[..]) {
        ([], []) => Ok(Framing::Unsaid),
        ([coding], []) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
        ([], [length]) if !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit()) => {
            length.parse().map(Framing::Length).map_err(|error| error.to_string())
        }
        (codings, lengths) => Err(format!("framing by {codings:?} and {lengths:?}")),
    }
}

fn status_of(line: &str) -> Result<u16, String> {
    let code = line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 ")).and_then(|rest| rest.get(..3));
    code.and_then(|code| code.parse().ok()).ok_or_else(|| format!("status line {line:?}"))
}

fn field_line(line: &str) -> Result<(String, String), String> {
    let (name, value) = line.split_once(':').ok_or_else(|| format!("header line {line:?}"))?;
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(is_token) || value.contains(['\r', '\n', '\0']) {
        return Err(format!("header line {line:?}"));
    }
    Ok((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
}

fn of_length(bytes: &[u8], length: usize) -> Option<Body> {
    (bytes.len() >= length).then(|| Body { bytes: bytes[..length].to_vec(), trailers: Vec::new(), length })
}

fn chunked(bytes: &[u8]) -> Parsed<Body> {
    let (mut at, mut body) = (0, Vec::new());
    loop {
        let Some(end) = bytes[at..].windows(2).position(|two| two == b"\r\n") else {
            return Ok(None);
        };
        let line = String::from_utf8_lossy(&bytes[at..at + end]).into_owned();
        let size = usize::from_str_radix(&line, 16).map_err(|_| format!("chunk size {line:?}"))?;
        at += end + 2;
        if size == 0 {
            break;
        }
        let Some(chunk) = bytes.get(at..at + size + 2) else {
            return Ok(None);
        };
        if &chunk[size..] != b"\r\n" {
            return Err("a chunk without a line end".to_owned());
        }
        body.extend_from_slice(&chunk[..size]);
        at += size + 2;
    }
    let mut trailers = Vec::new();
    loop {
        let Some(end) = bytes[at..].windows(2).position(|two| two == b"\r\n") else {
            return Ok(None);
        };
        let line = String::from_utf8_lossy(&bytes[at..at + end]).into_owned();
        at += end + 2;
        if line.is_empty() {
            return Ok(Some(Body { bytes: body, trailers, length: at }));
        }
        trailers.push(field_line(&line)?);
    }
}
