//! Debian packages: installs those that are missing, and nothing else.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::places::find_program;
use crate::process;
use crate::report::timed;

/// A Debian package, and how to detect that it (or an equivalent) is installed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Package {
    name: &'static str,
    shown_by: Sign,
}

#[derive(Clone, Copy, Debug)]
enum Sign {
    /// One of these programs can be started.
    Program(&'static [&'static str]),
    /// This path exists.
    Path(&'static str),
}

const fn program(name: &'static str, programs: &'static [&'static str]) -> Package {
    let shown_by = Sign::Program(programs);
    Package { name, shown_by }
}

const fn documented(name: &'static str, folder: &'static str) -> Package {
    let shown_by = Sign::Path(folder);
    Package { name, shown_by }
}

/// The C compiler that the cryptography's build needs.
pub(crate) const CC: Package = program("gcc", &["cc"]);
/// A C++ compiler, for libFuzzer.
pub(crate) const CXX: Package = program("g++", &["c++"]);
/// The C compiler's headers.
pub(crate) const LIBC: Package = Package {
    name: "libc6-dev",
    shown_by: Sign::Path("/usr/include/stdlib.h"),
};
/// Python.
pub(crate) const PYTHON: Package = program("python3", &["python3"]);
/// Creates environments for its packages.
pub(crate) const PYTHON_VENV: Package = documented("python3-venv", "/usr/share/doc/python3-venv");
/// Node.js.
pub(crate) const NODE: Package = program("nodejs", &["node"]);
/// npm.
pub(crate) const NPM: Package = program("npm", &["npm"]);
/// The upper bound of the benchmarks; their own tests measure it too.
pub(crate) const NGINX: Package = program("nginx-light", &["nginx"]);

/// The libraries that Debian's LLVM is linked with.
pub(crate) const LLVM_LIBRARIES: &[Package] = &[
    documented("libedit2", "/usr/share/doc/libedit2"),
    documented("libxml2", "/usr/share/doc/libxml2"),
    documented("libz3-4", "/usr/share/doc/libz3-4"),
];

/// The bouncer and the IRC servers that ours are compared with; the servers are peers of tests, too.
pub(crate) const ZNC: Package = program("znc", &["znc"]);
pub(crate) const NGIRCD: Package = program("ngircd", &["ngircd"]);
pub(crate) const INSPIRCD: Package = program("inspircd", &["inspircd"]);

/// The TURN server that ours is compared with, and its clients, which test ours.
pub(crate) const COTURN: Package = program("coturn", &["turnutils_uclient"]);

/// The browser of the client's tests.
pub(crate) const CHROMIUM: Package = program(
    "chromium",
    &["chromium", "chromium-browser", "google-chrome"],
);
/// Peers of the tests: programs by others.
pub(crate) const TEST_PEERS: &[Package] = &[
    CHROMIUM,
    Package {
        name: "fonts-dejavu-core",
        shown_by: Sign::Path("/usr/share/fonts"),
    },
    Package {
        name: "fonts-noto-color-emoji",
        shown_by: Sign::Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"),
    },
    INSPIRCD,
    NGIRCD,
    program("atheme-services", &["atheme-services"]),
    program("weechat-headless", &["weechat-headless"]),
    Package {
        name: "weechat-plugins",
        shown_by: Sign::Path("/usr/share/doc/weechat-plugins"),
    },
    program("irssi", &["irssi"]),
    program("swaks", &["swaks"]),
    // It enables TLS in swaks.
    Package {
        name: "libnet-ssleay-perl",
        shown_by: Sign::Path("/usr/share/doc/libnet-ssleay-perl"),
    },
    Package {
        name: "postfix",
        shown_by: Sign::Path("/usr/sbin/postfix"),
    },
    // These enable password authentication in Postfix.
    Package {
        name: "sasl2-bin",
        shown_by: Sign::Path("/usr/sbin/saslpasswd2"),
    },
    Package {
        name: "libsasl2-modules",
        shown_by: Sign::Path("/usr/share/doc/libsasl2-modules"),
    },
    // It verifies signatures of mails.
    Package {
        name: "opendkim",
        shown_by: Sign::Path("/usr/sbin/opendkim"),
    },
    NGINX,
    program("openssl", &["openssl"]),
    // The real sender of a webhook.
    program("prometheus-alertmanager", &["prometheus-alertmanager"]),
    // GitLab's payloads, from its documentation.
    Package {
        name: "golang-github-xanzy-go-gitlab-dev",
        shown_by: Sign::Path("/usr/share/gocode/src/github.com/xanzy/go-gitlab/testdata/webhooks"),
    },
    COTURN,
];

/// Installs the Debian packages that are missing.
///
/// # Errors
///
/// If this is not Debian or a relative, the user may not install, or apt-get failed: each with the names of the
/// packages.
pub(crate) fn packages(wanted: &[Package]) -> Result<()> {
    let missing: Vec<_> = wanted
        .iter()
        .filter(|package| !package.is_there())
        .map(|package| package.name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if find_program(&["apt-get"]).is_none() {
        bail!("this needs programs that Debian calls {names}; install them and run it again");
    }
    let as_root = rustix::process::geteuid().is_root();
    if !as_root && find_program(&["sudo"]).is_none() {
        bail!("this needs more Debian packages; as root run: apt-get install {names}");
    }
    let script = install_script(&missing);
    timed(&format!("Installing Debian packages: {names}"), || {
        if as_root {
            process::run_quietly(process::command("sh").args(["-ec", &script]))
        } else {
            process::run_at_terminal(process::command("sudo").args(["sh", "-ec", &script]))
        }
    })
    .with_context(|| format!("apt-get could not install {names}"))?;
    let still: Vec<_> = wanted
        .iter()
        .filter(|package| !package.is_there())
        .collect();
    if let Some(package) = still.first() {
        bail!(
            "{} was installed, but what it should bring was not found",
            package.name
        );
    }
    Ok(())
}

/// The servers are peers for tests: a policy file prevents the packages from starting them as services.
fn install_script(packages: &[&str]) -> String {
    let policy = "/usr/sbin/policy-rc.d";
    format!(
        "export DEBIAN_FRONTEND=noninteractive\n\
         if [ ! -e {policy} ]; then\n\
           trap 'rm -f {policy}' EXIT\n\
           printf '#!/bin/sh\\nexit 101\\n' > {policy}\n\
           chmod 755 {policy}\n\
         fi\n\
         apt-get update -qq\n\
         apt-get install -y -qq --no-install-recommends {}\n",
        packages.join(" ")
    )
}

impl Package {
    fn is_there(self) -> bool {
        match self.shown_by {
            Sign::Program(names) => find_program(names).is_some(),
            Sign::Path(path) => Path::new(path).exists(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_installed_when_nothing_is_missing() {
        packages(&[program("no-such-package", &["sh"])]).unwrap();
    }

    #[test]
    fn the_script_names_the_packages_once() {
        let script = install_script(&["irssi", "ngircd"]);
        assert!(script.contains("--no-install-recommends irssi ngircd\n"));
        assert_eq!(script.matches("apt-get update").count(), 1);
    }
}
