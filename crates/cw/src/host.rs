//! What the command line asks of the program around it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cw_adapters::agent::{UNUSABLE, shim_main};
use cw_adapters::clock::SystemClock;
use cw_adapters::git::{Door, fresh};
use cw_adapters::home::Home;
use cw_cli::Host;
use cw_core::ports::settings::Clock as _;
use cw_wire::{ErrorCode, ErrorView};

use crate::{background, pager, server};

/// This program, with its data under one home.
pub(crate) struct Program {
    home_variable: Option<OsString>,
}

impl Program {
    /// The program with this `CW_HOME`.
    pub(crate) fn new(home_variable: Option<OsString>) -> Self {
        Self { home_variable }
    }

    fn home(&self) -> Home {
        Home::from_env(|name| match name {
            "CW_HOME" => self.home_variable.clone(),
            _ => std::env::var_os(name),
        })
    }
}

impl Host for Program {
    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn program(&self) -> PathBuf {
        program()
    }

    fn socket(&self) -> PathBuf {
        self.home().socket()
    }

    fn logs(&self) -> PathBuf {
        self.home().logs()
    }

    fn now(&self) -> SystemTime {
        let since = u64::try_from(SystemClock.now().0).unwrap_or(0);
        SystemTime::UNIX_EPOCH + Duration::from_millis(since)
    }

    fn start_server(&self, listen: Option<&str>) -> Result<(), ErrorView> {
        background::start(&self.home(), self.home_variable.as_deref(), listen)
    }

    fn serve(&self, listen: Option<&str>, stop_agents: bool) -> Result<(), ErrorView> {
        server::run(
            &self.home(),
            listen,
            stop_agents,
            background::is_background(),
        )
    }

    fn shim(&self, args: &[OsString]) -> u8 {
        let code = args
            .first()
            .map_or(UNUSABLE, |dir| shim_main(Path::new(dir)));
        u8::try_from(code).unwrap_or(1)
    }

    fn page(&self, command: &str, text: &str) -> std::io::Result<()> {
        pager::page(command, text)
    }

    fn demo_repository(&self, dir: &Path) -> Result<(), ErrorView> {
        fresh::repository(&Door::default(), dir).map_err(|error| {
            ErrorView::new(ErrorCode::Failed, error.what)
                .cause(error.cause)
                .hint(error.hint)
        })
    }

    fn at_home(&self, home: &Path) -> Box<dyn Host> {
        Box::new(Self::new(Some(home.as_os_str().to_owned())))
    }
}

/// The path of this very program, as long as it is there.
pub(crate) fn program() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("cw"))
}
