//! Which files hold the consumers.

use std::path::{Path, PathBuf};

use crate::yaml::{Document, Problem, Problems};

/// The file itself, or the folder's files in the order of their names.
pub(super) fn list(path: &Path) -> Result<Vec<PathBuf>, Problem> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |error: std::io::Error| Problem::of_file(path, format!("can't be listed: {error}"), "");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if is_consumers_file(Path::new(&entry.file_name())) {
            files.push(entry.path());
        }
    }
    if files.is_empty() {
        return Err(Problem::of_file(path, "the folder has no *.yaml file", "put one there; `consumers: []` is an empty list"));
    }
    files.sort();
    Ok(files)
}

/// Reads them all; together they have at most `cap` bytes.
pub(super) fn read(path: &Path, cap: usize) -> Result<Vec<Document>, Problems> {
    let (mut documents, mut problems, mut left) = (Vec::new(), Vec::new(), cap);
    for file in list(path)? {
        match Document::read(&file, left) {
            Ok(document) => {
                left = left.saturating_sub(document.text().len());
                documents.push(document);
            }
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(documents) } else { Err(Problems(problems)) }
}

/// Editors' temporary files and the `..data` of a mounted Kubernetes ConfigMap begin with a dot.
pub(super) fn is_consumers_file(name: &Path) -> bool {
    let hidden = name.as_os_str().as_encoded_bytes().starts_with(b".");
    !hidden && name.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_files_and_files_of_other_kinds_are_left_alone() {
        for name in ["a.yaml", "b.yml"] {
            assert!(is_consumers_file(Path::new(name)), "{name}");
        }
        for name in [".a.yaml.swp", "..data", ".a.yaml", "a.yaml~", "a.json", "yaml", "#a.yaml#"] {
            assert!(!is_consumers_file(Path::new(name)), "{name}");
        }
    }
}
