//! The environment of an agent: the server's own without what concerns git and `cw`, what its
//! configuration adds, and what tells it who it is. Pure.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use cw_core::ports::agents::TurnOrder;

use super::driver::Launch;

/// Marks every process of a run by the path of its run folder.
pub(super) const MARKER: &str = "CW_RUN";

/// Where things are.
pub(super) struct Places<'a> {
    /// A folder that holds `cw`, for the agent's `PATH`.
    pub(super) bin: &'a Path,
    pub(super) run: &'a Path,
    pub(super) tmp: &'a Path,
}

/// Puts the environment together; what comes later wins.
pub(super) fn compose(
    own: impl Iterator<Item = (OsString, OsString)>,
    launch: &Launch,
    order: &TurnOrder,
    places: &Places<'_>,
) -> Vec<(OsString, OsString)> {
    let mut env: BTreeMap<OsString, OsString> = public(own)
        .filter(|(name, _)| launch.unset.iter().all(|unset| name != unset))
        .collect();
    env.extend(
        launch
            .env
            .iter()
            .map(|(name, value)| ((*name).into(), value.as_ref().into())),
    );
    env.extend(order.env.iter().filter(|(name, _)| is_name(name)).cloned());
    let path = env
        .get(OsStr::new("PATH"))
        .cloned()
        .unwrap_or_else(|| "/usr/bin:/bin".into());
    let mut with_cw = places.bin.as_os_str().to_owned();
    with_cw.push(":");
    with_cw.push(path);
    let own: [(&str, OsString); 9] = [
        ("PATH", with_cw),
        // Some programs believe it more than the folder they are in.
        ("PWD", order.cwd.clone().into()),
        ("TMPDIR", places.tmp.into()),
        (MARKER, places.run.into()),
        ("CW_TASK", order.task.clone().into()),
        ("CW_AGENT", order.agent.clone().into()),
        ("CW_TURN", order.turn.clone().into()),
        ("CW_TOKEN", order.token.clone().into()),
        ("CW_SOCKET", order.socket.clone().into()),
    ];
    env.extend(own.map(|(name, value)| (name.into(), value)));
    // A byte 0 cannot be handed over; nobody who means well has one.
    env.into_iter()
        .filter(|(_, value)| !value.as_bytes().contains(&0))
        .collect()
}

/// An environment without what concerns git and `cw`.
pub(super) fn public(
    own: impl Iterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (OsString, OsString)> {
    own.filter(|(name, _)| !is_private(name))
}

fn is_private(name: &OsStr) -> bool {
    ["GIT_", "CW_"]
        .iter()
        .any(|prefix| name.as_bytes().starts_with(prefix.as_bytes()))
}

fn is_name(name: &OsStr) -> bool {
    !name.is_empty() && !name.as_bytes().iter().any(|b| matches!(b, 0 | b'='))
}

#[cfg(test)]
mod tests {
    use cw_core::ports::agents::{Grace, Permissions, RunId};

    use super::*;

    fn composed(own: &[(&str, &str)], extra: &[(&str, &str)]) -> BTreeMap<String, String> {
        let pair = |(name, value): &(&str, &str)| (OsString::from(name), OsString::from(value));
        let order = TurnOrder {
            run: RunId::new("7").unwrap(),
            kind: "script".into(),
            program: Vec::new(),
            cwd: "/tree".into(),
            env: extra.iter().map(pair).collect(),
            prompt: String::new(),
            session: None,
            resume: false,
            billed: Default::default(),
            model: None,
            permissions: Permissions::Ask,
            allow: Vec::new(),
            tools: false,
            repo_settings: false,
            task: "login".into(),
            agent: "soho".into(),
            turn: "start".into(),
            token: "s3cret".into(),
            socket: "/home/run/cw.sock".into(),
            grace: Grace::default(),
        };
        let launch = Launch {
            program: "x".into(),
            args: Vec::new(),
            env: vec![("DISABLE_AUTOUPDATER", "1".into())],
            unset: &["CLAUDECODE"],
            stdin: Vec::new(),
            keep_stdin_open: false,
            memo: Vec::new(),
        };
        let (bin, run, tmp) = (
            Path::new("/home/bin"),
            Path::new("/r/7"),
            Path::new("/r/7/tmp"),
        );
        compose(
            own.iter().map(pair),
            &launch,
            &order,
            &Places { bin, run, tmp },
        )
        .into_iter()
        .map(|(n, v)| (n.into_string().unwrap(), v.into_string().unwrap()))
        .collect()
    }

    #[test]
    fn the_folder_is_the_worktree_and_not_the_servers() {
        let env = composed(&[("PWD", "/server"), ("PATH", "/bin")], &[("PWD", "/x")]);
        assert_eq!(env["PWD"], "/tree");
    }

    #[test]
    fn nothing_of_git_or_of_the_server_itself_is_inherited() {
        let env = composed(
            &[
                ("HOME", "/h"),
                ("GIT_DIR", "x"),
                ("CW_HOME", "x"),
                ("CLAUDECODE", "1"),
                ("PATH", "/bin"),
            ],
            &[],
        );
        assert_eq!(env["HOME"], "/h");
        assert!(
            !env.contains_key("GIT_DIR")
                && !env.contains_key("CW_HOME")
                && !env.contains_key("CLAUDECODE")
        );
        assert_eq!(env["PATH"], "/home/bin:/bin");
        assert_eq!(
            (env["CW_TASK"].as_str(), env["CW_RUN"].as_str()),
            ("login", "/r/7")
        );
        assert_eq!(env["TMPDIR"], "/r/7/tmp");
    }

    #[test]
    fn the_configuration_wins_over_defaults_but_not_over_who_the_agent_is() {
        let extra = [
            ("DISABLE_AUTOUPDATER", "0"),
            ("CW_TOKEN", "mine"),
            ("GIT_SSH", "y"),
            ("A=B", "z"),
            ("PATH", "/p"),
        ];
        let env = composed(&[], &extra);
        assert_eq!(
            (
                env["DISABLE_AUTOUPDATER"].as_str(),
                env["CW_TOKEN"].as_str()
            ),
            ("0", "s3cret")
        );
        assert_eq!(
            (env["GIT_SSH"].as_str(), env["PATH"].as_str()),
            ("y", "/home/bin:/p")
        );
        assert!(!env.contains_key("A=B"));
    }
}
