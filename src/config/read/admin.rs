//! `admin`: where administrators connect, and who they are.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::address::socket_name;
use super::path;
use crate::config::{AdminAddress, AdminSettings};
use crate::yaml::{Fields, Node, Report};

/// `admin`; without the section there is no such listener.
pub(super) fn admin(node: &Node<'_>, base: &Path, report: &mut Report) -> Option<AdminSettings> {
    let mut fields = Fields::of(node, report)?;
    let listen = fields.get("listen").map(|node| address(&node, base, report));
    let socket = fields.get("socket").and_then(|node| socket_name(&node, report));
    let users = fields.get("users").map(|node| path(&node, base, report));
    fields.finish(report);
    Some(AdminSettings {
        listen: listen.flatten().unwrap_or(AdminAddress::Loopback(DEFAULT_LISTEN.into())),
        socket,
        users: users.flatten().unwrap_or_else(|| base.join(DEFAULT_USERS)),
    })
}

fn address(node: &Node<'_>, base: &Path, report: &mut Report) -> Option<AdminAddress> {
    let text = node.text(report)?;
    if let Some(path) = text.strip_prefix("unix:") {
        return unix(path, node, base, report).map(AdminAddress::Unix);
    }
    let Ok(address) = text.parse::<SocketAddr>() else {
        report.wrong_type(node, "a loopback address or a socket's path", HINT);
        return None;
    };
    if !address.ip().to_canonical().is_loopback() {
        let message = format!(
            "`{}`: {address} is no loopback address, and administrators' pages are never open to the network",
            node.label()
        );
        report.problem(node, message, HINT);
        return None;
    }
    Some(AdminAddress::Loopback(address))
}

fn unix(path: &str, node: &Node<'_>, base: &Path, report: &mut Report) -> Option<PathBuf> {
    let is_name = !path.is_empty() && !path.ends_with(['/', '.']);
    let path = base.join(path);
    let length = path.as_os_str().len();
    if !is_name {
        report.problem(
            node,
            format!("`{}` names no socket", node.label()),
            "write for example: unix:/run/countersign/admin.sock",
        );
        return None;
    }
    if length > MAX_PATH {
        let message = format!("`{}`: the socket's path has {length} bytes; the system takes {MAX_PATH}", node.label());
        report.problem(node, message, "take a shorter one, for example unix:/run/countersign/admin.sock");
        return None;
    }
    Some(path)
}

/// What design and deployment documents say.
const DEFAULT_LISTEN: ([u8; 4], u16) = ([127, 0, 0, 1], 9090);

const DEFAULT_USERS: &str = "admin-users.yaml";

const HINT: &str = "write 127.0.0.1:9090, [::1]:9090 or unix:/run/countersign/admin.sock; from elsewhere come through ssh -L 9090:127.0.0.1:9090";

/// unix(7): `sun_path` has 108 bytes, the last of them zero.
const MAX_PATH: usize = 107;
