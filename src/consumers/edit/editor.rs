//! One place with consumers, and what can be done there: list, add, edit, remove.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{self, Lock, Owner};
use super::draft::{Change, Draft};
use super::error::{Conflict, EditError};
use super::file_name;
use super::list::{self, Step};
use super::maps::Stuck;
use super::outcome::{Entry, FileFate, Listing, Written};
use super::revision::Revision;
use super::rules::Rules;
use super::snapshot::{Found, Snapshot, check_size, line_of};
use crate::consumers::load::{LoadPolicy, Loaded};
use crate::consumers::model::{Consumer, ConsumerList};
use crate::yaml::{Document, Problem};

/// Edits a consumers file, or a folder of such files. It holds nothing open and remembers nothing.
#[derive(Debug, Clone)]
pub struct Editor {
    place: PathBuf,
    rules: Rules,
    /// A list whose keys need not be made ready for use again.
    known: Option<Arc<ConsumerList>>,
}

impl Editor {
    /// An editor of this file or folder. That it is there is found out when it is used.
    pub fn open(place: &Path, rules: Rules) -> Self {
        Self { place: place.to_owned(), rules, known: None }
    }

    /// The same beside a list in force: what is in that too is not checked for its use once more, which takes long for a long list.
    #[must_use]
    pub fn beside(self, known: Arc<ConsumerList>) -> Self {
        Self { known: Some(known), ..self }
    }

    /// All consumers.
    ///
    /// # Errors
    /// [`EditError::Problems`] if the list can't be used.
    pub fn list(&self) -> Result<Listing, EditError> {
        let snapshot = self.read()?;
        let loaded = snapshot.load(&self.policy())?;
        let mut entries = Vec::new();
        for (at, document) in snapshot.documents.iter().enumerate() {
            let (revision, read_only) = (Revision::of(&document.bytes()), disk::why_read_only(document.file()));
            let lines = snapshot.lines(at);
            entries.extend(snapshot.within(at).filter_map(|found| {
                let consumer = Arc::clone(loaded.list.get(found.key()?)?);
                let line = lines.get(found.index).copied().unwrap_or(0);
                Some(entry(found, consumer, document.file(), line, revision, read_only.clone()))
            }));
        }
        Ok(Listing { entries, warnings: loaded.warnings, read_only: self.why_nothing_can_be_added() })
    }

    /// One consumer.
    ///
    /// # Errors
    /// [`EditError::UnknownKey`], [`EditError::Problems`]
    pub fn find(&self, key: &str) -> Result<Entry, EditError> {
        self.look_at(key).map(|(entry, _)| entry)
    }

    /// One consumer, and what somebody should know about it.
    ///
    /// # Errors
    /// [`EditError::UnknownKey`], [`EditError::Problems`]
    pub fn look_at(&self, key: &str) -> Result<(Entry, Vec<Problem>), EditError> {
        let snapshot = self.read()?;
        let loaded = snapshot.load(&self.policy())?;
        let found = self.entry_now(&snapshot, &loaded, key);
        let entry = found.ok_or_else(|| EditError::UnknownKey { key: key.to_owned(), near: snapshot.nearest(key) })?;
        let warnings = about(loaded.warnings, key, &entry.file, entry.line);
        Ok((entry, warnings))
    }

    /// Adds a consumer: at the end of the file, or in a folder in a file of its own.
    ///
    /// # Errors
    /// [`EditError`]
    pub fn add(&self, draft: &Draft) -> Result<Written, EditError> {
        let _lock = self.lock()?;
        let snapshot = self.read()?;
        if let Some(found) = snapshot.find(&draft.key) {
            let (file, line) = (snapshot.documents[found.document].file().to_owned(), snapshot.line(found.document, found.index));
            return Err(EditError::KeyTaken { key: draft.key.clone(), file, line });
        }
        if let Some(why) = self.why_nothing_can_be_added() {
            return Err(EditError::ReadOnly(why));
        }
        let (document, is_new) = self.document_for(&draft.key, &snapshot)?;
        let old = if is_new { None } else { Some(&document) };
        let text = apply(&document, Step::Add(&draft.entry())).map_err(|error| self.rather_problems(&snapshot, error))?;
        let fate = if is_new { FileFate::Created } else { FileFate::Changed };
        self.write(&snapshot, old, document.with_text(text), fate, &draft.key)
    }

    /// Changes a consumer where it is written. With a revision: only if its file is still that one.
    ///
    /// # Errors
    /// [`EditError`]
    pub fn edit(&self, key: &str, change: &Change, revision: Option<&Revision>) -> Result<Written, EditError> {
        if change.key.as_deref().is_some_and(|other| other != key) {
            return Err(EditError::KeyIsImmutable { key: key.to_owned() });
        }
        let _lock = self.lock()?;
        let snapshot = self.read()?;
        let found = self.writable(&snapshot, key, revision)?;
        let document = &snapshot.documents[found.document];
        let fields = change.fields(found.entry);
        if fields.is_empty() {
            return self.unchanged(&snapshot, found, key);
        }
        let text = apply(document, Step::Change(found.index, &fields)).map_err(|error| self.rather_problems(&snapshot, error))?;
        self.write(&snapshot, Some(document), document.with_text(text), FileFate::Changed, key)
    }

    /// Removes a consumer. With a revision: only if its file is still that one.
    ///
    /// # Errors
    /// [`EditError`]
    pub fn remove(&self, key: &str, revision: Option<&Revision>) -> Result<Written, EditError> {
        self.remove_after(key, revision, || Ok(()))
    }

    /// As [`Self::remove`], but does something else before, once nothing stands against it any more but the disk.
    ///
    /// # Errors
    /// [`EditError`], or that of what is to be done before.
    pub fn remove_after(
        &self,
        key: &str,
        revision: Option<&Revision>,
        before: impl FnOnce() -> Result<(), EditError>,
    ) -> Result<Written, EditError> {
        let _lock = self.lock()?;
        let snapshot = self.read()?;
        let found = self.writable(&snapshot, key, revision)?;
        let document = &snapshot.documents[found.document];
        if snapshot.all().filter(|other| other.key() == Some(key)).nth(1).is_some() {
            // Which of the two is meant is not ours to guess: the one that stays would let somebody in under this very key.
            snapshot.load(&self.rules.policy(None))?;
        }
        let text = apply(document, Step::Remove(found.index)).map_err(|error| self.rather_problems(&snapshot, error))?;
        let fate = if self.may_go(&snapshot, document, &text) { FileFate::Deleted } else { FileFate::Changed };
        self.write_after(&snapshot, Some(document), document.with_text(text), fate, key, before)
    }

    fn policy(&self) -> LoadPolicy<'_> {
        self.rules.policy(self.known.as_deref())
    }

    fn read(&self) -> Result<Snapshot, EditError> {
        Snapshot::read(&self.place, self.rules.max_size)
    }

    fn lock(&self) -> Result<Lock, EditError> {
        Lock::take(&self.folder()?)
    }

    /// A link in our folder leads to a file in another one, and whoever edits it there locks that.
    fn lock_where_it_is(&self, place: &Place) -> Result<Option<Lock>, EditError> {
        let folder = folder_of(&place.real)?;
        if folder == self.folder()? { Ok(None) } else { Lock::take(&folder).map(Some) }
    }

    fn folder(&self) -> Result<PathBuf, EditError> {
        if self.place.is_dir() { real(&self.place) } else { folder_of(&real(&self.place)?) }
    }

    /// Why no consumer can be added; `None` if nothing is known against it.
    pub fn why_nothing_can_be_added(&self) -> Option<String> {
        if self.place.is_dir() { disk::why_folder_read_only(&self.place) } else { disk::why_read_only(&self.place) }
    }

    /// The entry to be changed, if it may be.
    fn writable<'s>(&self, snapshot: &'s Snapshot, key: &str, seen: Option<&Revision>) -> Result<Found<'s>, EditError> {
        let Some(found) = snapshot.find(key) else {
            let unknown = match seen {
                Some(_) => EditError::Conflict(Box::new(Conflict { key: key.to_owned(), now: None, revision: None })),
                None => EditError::UnknownKey { key: key.to_owned(), near: snapshot.nearest(key) },
            };
            return Err(self.rather_problems(snapshot, unknown));
        };
        let document = &snapshot.documents[found.document];
        let revision = Revision::of(&document.bytes());
        if seen.is_some_and(|seen| *seen != revision) {
            let loaded = snapshot.load(&self.policy())?;
            let now = self.entry_now(snapshot, &loaded, key);
            return Err(EditError::Conflict(Box::new(Conflict { key: key.to_owned(), now, revision: Some(revision) })));
        }
        match disk::why_read_only(document.file()) {
            Some(why) => Err(EditError::ReadOnly(why)),
            None => Ok(found),
        }
    }

    fn entry_now(&self, snapshot: &Snapshot, loaded: &Loaded, key: &str) -> Option<Entry> {
        let found = snapshot.find(key)?;
        let document = &snapshot.documents[found.document];
        let (line, revision) = (snapshot.line(found.document, found.index), Revision::of(&document.bytes()));
        let consumer = Arc::clone(loaded.list.get(key)?);
        Some(entry(found, consumer, document.file(), line, revision, disk::why_read_only(document.file())))
    }

    /// The file that a new consumer goes to, and whether it is yet to be made.
    fn document_for(&self, key: &str, snapshot: &Snapshot) -> Result<(Document, bool), EditError> {
        if !self.place.is_dir() {
            return Ok((snapshot.copy(0).unwrap_or(Document::new(&self.place, EMPTY)), false));
        }
        let name = file_name::of(key);
        let others = (2..=MOST_NAMES).map(|number| format!("{name}-{number}.yaml"));
        for file in std::iter::once(format!("{name}.yaml")).chain(others).map(|file| self.place.join(file)) {
            match snapshot.position(&file) {
                Some(at) if snapshot.is_empty_list(at) => {
                    return Ok((snapshot.copy(at).unwrap_or(Document::new(file, EMPTY)), false));
                }
                None if fs::symlink_metadata(&file).is_err() => return Ok((Document::new(file, EMPTY), true)),
                _ => {}
            }
        }
        let error = io::Error::new(io::ErrorKind::AlreadyExists, "every name for the new file is taken");
        Err(EditError::Io { path: self.place.join(format!("{name}.yaml")), error })
    }

    /// Of a folder, a file in which nothing is left is taken away; one with a comment in it stays.
    fn may_go(&self, snapshot: &Snapshot, document: &Document, text: &str) -> bool {
        let is_link = fs::symlink_metadata(document.file()).is_ok_and(|found| found.is_symlink());
        snapshot.documents.len() > 1 && !is_link && text.trim() == EMPTY.trim()
    }

    /// What is wrong with the files already comes before what an editor can't do with them.
    fn rather_problems(&self, snapshot: &Snapshot, error: EditError) -> EditError {
        snapshot.load(&self.policy()).map_or_else(EditError::Problems, |_| error)
    }

    fn unchanged(&self, snapshot: &Snapshot, found: Found<'_>, key: &str) -> Result<Written, EditError> {
        let loaded = snapshot.load(&self.policy())?;
        let document = &snapshot.documents[found.document];
        let consumer = loaded.list.get(key).map(Arc::clone);
        let line = snapshot.line(found.document, found.index);
        let warnings = about(loaded.warnings, key, document.file(), line);
        let (file, revision) = (document.file().to_owned(), Revision::of(&document.bytes()));
        let fate = FileFate::Unchanged;
        Ok(Written { key: key.to_owned(), file, line, fate, before: consumer.clone(), after: consumer, revision, warnings })
    }

    fn write(
        &self,
        before: &Snapshot,
        old: Option<&Document>,
        new: Document,
        fate: FileFate,
        key: &str,
    ) -> Result<Written, EditError> {
        self.write_after(before, old, new, fate, key, || Ok(()))
    }

    /// Checks the list with the new text in it, and puts that in its place, after `last`.
    fn write_after(
        &self,
        before: &Snapshot,
        old: Option<&Document>,
        new: Document,
        fate: FileFate,
        key: &str,
        last: impl FnOnce() -> Result<(), EditError>,
    ) -> Result<Written, EditError> {
        let was = before.load(&self.policy()).ok();
        let after = before.with(&new, fate);
        check_size(&after.documents, self.rules.max_size)?;
        let loaded = after.load(&self.rules.policy(was.as_ref().map(|was| &was.list)))?;
        let place = Place::of(before, &new, fate)?;
        let _lock = self.lock_where_it_is(&place)?;
        if let Some(old) = old {
            self.check_still_there(old, &place.real, key)?;
        }
        last()?;
        place.commit(&new.bytes(), fate)?;
        let place = after.find(key).map(|found| after.line(found.document, found.index));
        let line = place.or_else(|| before.find(key).map(|found| before.line(found.document, found.index))).unwrap_or(0);
        Ok(Written {
            key: key.to_owned(),
            line,
            fate,
            before: was.as_ref().and_then(|was| was.list.get(key)).map(Arc::clone),
            after: loaded.list.get(key).map(Arc::clone),
            revision: Revision::of(&new.bytes()),
            warnings: about(loaded.warnings, key, new.file(), line),
            file: new.file().to_owned(),
        })
    }

    /// Somebody whose editor knows nothing of our lock may have written meanwhile.
    fn check_still_there(&self, old: &Document, real: &Path, key: &str) -> Result<(), EditError> {
        let bytes = fs::read(real).map_err(|error| EditError::Io { path: old.file().to_owned(), error })?;
        if bytes == old.bytes() {
            return Ok(());
        }
        let snapshot = self.read()?;
        let loaded = snapshot.load(&self.policy())?;
        let now = self.entry_now(&snapshot, &loaded, key);
        Err(EditError::Conflict(Box::new(Conflict { key: key.to_owned(), now, revision: Some(Revision::of(&bytes)) })))
    }
}

fn apply(document: &Document, step: Step<'_>) -> Result<String, EditError> {
    list::apply(document.text(), step).map_err(|Stuck { at, why }| EditError::ByHand {
        file: document.file().to_owned(),
        line: line_of(document.text(), at),
        why,
    })
}

/// Where a file is put, and whose it will be. Found out once: what is compared with the text that was read is the very file that is
/// replaced, wherever its name leads to a moment later. Root edits in folders of users who may be somebody else by now.
struct Place {
    real: PathBuf,
    owner: Owner,
}

impl Place {
    fn of(before: &Snapshot, new: &Document, fate: FileFate) -> Result<Self, EditError> {
        let io = |error| EditError::Io { path: new.file().to_owned(), error };
        if fate != FileFate::Created {
            // A link stays, and what it leads to is replaced.
            let real = real(new.file())?;
            let owner = Owner::of(&fs::metadata(&real).map_err(io)?);
            return Ok(Self { real, owner });
        }
        let folder = new.file().parent().unwrap_or(Path::new("/"));
        let neighbour = before.documents.first().and_then(|document| fs::metadata(document.file()).ok());
        let owner = match neighbour {
            Some(neighbour) => Owner::of(&neighbour),
            None => Owner::in_folder(&fs::metadata(folder).map_err(io)?),
        };
        Ok(Self { real: new.file().to_owned(), owner })
    }

    fn commit(&self, bytes: &[u8], fate: FileFate) -> Result<(), EditError> {
        match fate {
            FileFate::Deleted => disk::remove(&self.real),
            fate => disk::replace(&self.real, bytes, self.owner, fate == FileFate::Created),
        }
    }
}

/// Where a path leads to.
fn real(path: &Path) -> Result<PathBuf, EditError> {
    fs::canonicalize(path).map_err(|error| EditError::Io { path: path.to_owned(), error })
}

/// The folder that a file is in or will be.
fn folder_of(file: &Path) -> Result<PathBuf, EditError> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    // Of a name alone.
    real(if folder == Path::new("") { Path::new(".") } else { folder })
}

fn entry(
    found: Found<'_>,
    consumer: Arc<Consumer>,
    file: &Path,
    line: usize,
    revision: Revision,
    read_only: Option<String>,
) -> Entry {
    let settings = Change::written_in(found.entry);
    Entry { key: consumer.key.as_str().to_owned(), settings, consumer, file: file.to_owned(), line, revision, read_only }
}

/// The warnings about one consumer, whether they stand at its entry or name it.
fn about(warnings: Vec<Problem>, key: &str, file: &Path, line: usize) -> Vec<Problem> {
    let subject = format!("consumer \"{}\"", key.escape_debug());
    let place = format!("{}:{line}", file.display());
    warnings.into_iter().filter(|warning| warning.message.starts_with(&subject) || warning.message.ends_with(&place)).collect()
}

const EMPTY: &str = "consumers: []\n";
/// Each of them would have to be there already, with somebody else in it.
const MOST_NAMES: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_compared_is_what_is_replaced_wherever_its_name_leads_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let [link, ours, other] = ["list.yaml", "ours", "other"].map(|name| folder.path().join(name));
        fs::write(&ours, EMPTY).unwrap();
        fs::write(&other, "not ours").unwrap();
        std::os::unix::fs::symlink(&ours, &link).unwrap();
        let snapshot = Snapshot::read(&link, 1000).unwrap();
        let place = Place::of(&snapshot, &snapshot.documents[0], FileFate::Changed).unwrap();
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&other, &link).unwrap();
        place.commit(b"new", FileFate::Changed).unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "not ours");
        assert_eq!(fs::read_to_string(&ours).unwrap(), "new");
    }
}
