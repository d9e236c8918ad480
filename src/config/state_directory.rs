//! Where state is kept if nobody says.

use std::ffi::OsString;
use std::path::PathBuf;

/// `$STATE_DIRECTORY`, else `$XDG_STATE_HOME/countersign`, else `~/.local/state/countersign`.
pub(super) fn default_state_directory(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    if let Some(directories) = set("STATE_DIRECTORY") {
        // systemd joins several with colons (systemd.exec(5)); the first is ours.
        return std::env::split_paths(&directories).next();
    }
    // A relative XDG path is to be ignored (XDG Base Directory Specification).
    let xdg = set("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || set("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    Some(xdg.or_else(home)?.join("countersign"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Option<PathBuf> {
        default_state_directory(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_service_managers_directory_comes_first_then_xdg_then_home() {
        let all = [("STATE_DIRECTORY", "/var/lib/a:/var/lib/b"), ("XDG_STATE_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(from(&all), Some("/var/lib/a".into()));
        assert_eq!(from(&all[1..]), Some("/x/countersign".into()));
        assert_eq!(from(&all[2..]), Some("/h/.local/state/countersign".into()));
        assert_eq!(from(&[]), None);
    }

    #[test]
    fn empty_and_relative_variables_count_as_unset() {
        let set = [("STATE_DIRECTORY", ""), ("XDG_STATE_HOME", "x"), ("HOME", "/h")];
        assert_eq!(from(&set), Some("/h/.local/state/countersign".into()));
    }
}
