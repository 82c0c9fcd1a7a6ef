//! The precedence: flags, then the environment, then the file, then defaults.

use std::collections::BTreeMap;
use std::path::PathBuf;

use options::Options as _;

use crate::file::{self, File};
use crate::known::{FILE, Known, keys};
use crate::renamed::Layers;
use crate::sources::Sources;
use crate::{Common, Error, Loaded, Program, Renamed};

/// A text, and where it comes from.
#[derive(Clone, Debug)]
struct Found {
    text: String,
    from: String,
}

struct Layering<'a> {
    flags: &'a BTreeMap<String, String>,
    environment: &'a dyn Fn(&str) -> Option<String>,
    file: File,
    path: PathBuf,
    renamed: &'a [Renamed],
    warnings: Vec<String>,
}

/// Reads the options of a program.
///
/// # Errors
/// The error of the file, or of one key.
pub(crate) fn load<P: Program>(
    flags: &BTreeMap<String, String>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Loaded<P>, Error> {
    let known = keys::<P>();
    let mut layering = Layering {
        flags,
        environment,
        file: File::default(),
        path: PathBuf::new(),
        renamed: P::RENAMED,
        warnings: Vec::new(),
    };
    let config = known.iter().find(|key| key.short() == "config");
    let found = config.map(|key| layering.find(key)).transpose()?;
    if let Some(found) = found.flatten() {
        layering.path = found.text.into();
        layering.file = file::read(&layering.path, &known, P::RENAMED)?;
    }
    let mut found = BTreeMap::new();
    for key in &known {
        if let Some(value) = layering.find(key)? {
            found.insert(key.key.name.as_str(), value);
        }
    }
    for key in known.iter().filter(|key| key.names_file) {
        if let Some(file) = found.remove(key.key.name.as_str()) {
            let secret = key.key.name.strip_suffix(FILE).unwrap_or_default();
            found.insert(secret, contents(key, file)?);
        }
    }
    let get = |name: &str| found.get(name).map(|found| found.text.clone());
    let own = |name: &str| match P::OWN {
        "" => get(name),
        own => get(&format!("{own}_{name}")),
    };
    let invalid = |problem: options::Invalid| invalid(problem, &known, &found);
    let common = Common::read(&own).map_err(invalid)?;
    let options = P::read(&get).map_err(invalid)?;
    layering.snakes();
    let mut sources = Sources::default();
    for key in &known {
        if let Some(found) = found.get(key.key.name.as_str()) {
            sources.insert(key.variable(), key.shown(), &found.from);
        }
    }
    Ok(Loaded {
        options,
        log: common.log,
        sources,
        warnings: layering.warnings,
    })
}

/// Reads the file of a secret.
fn contents(key: &Known, file: Found) -> Result<Found, Error> {
    match std::fs::read_to_string(&file.text) {
        Ok(text) => Ok(Found {
            text: text.trim_end().to_owned(),
            from: options::visible(&file.text),
        }),
        Err(error) => Err(Error::SecretFile {
            key: key.shown(),
            error,
            source_name: file.from,
        }),
    }
}

/// Describes what is wrong with a key, by its names here.
fn invalid(problem: options::Invalid, known: &[Known], found: &BTreeMap<&str, Found>) -> Error {
    let key = known.iter().find(|key| key.key.name == problem.name);
    let from = match (found.get(problem.name.as_str()), key) {
        (Some(found), _) => format!(" (from {})", found.from),
        (None, Some(key)) => format!("; set {}", key.variable()),
        (None, None) => String::new(),
    };
    let name = key.map_or_else(|| problem.name.clone(), |key| key.short().to_owned());
    Error::Invalid {
        problem: options::Invalid { name, ..problem },
        from,
    }
}

impl Layering<'_> {
    /// Finds the value of a key, in the strongest layer first.
    fn find(&mut self, key: &Known) -> Result<Option<Found>, Error> {
        for layer in [Layers::Flag, Layers::Variable, Layers::File] {
            if let Some(found) = self.layer(key, layer)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Searches one layer for the key's name and former ones. If both are given it is unknown which was meant: a file
    /// with both was refused when it was read.
    fn layer(&mut self, key: &Known, layer: Layers) -> Result<Option<Found>, Error> {
        let name = match layer {
            Layers::Variable => key.key.name.as_str(),
            _ => key.short(),
        };
        let (first, second) = {
            let renamed = self.renamed.iter();
            let renamed = renamed.filter(|old| old.new == key.key.name && old.is_on(layer));
            let old = renamed.filter_map(|old| Some((Some(old), self.text(layer, old.old)?)));
            let new = self.text(layer, name).map(|text| (None, text));
            let mut given = new.into_iter().chain(old);
            (given.next(), given.next())
        };
        let Some((old, text)) = first else {
            return Ok(None);
        };
        let written = old.map_or(name, |old: &Renamed| old.old);
        let shown = self.shown(layer, written);
        if let Some((Some(second), _)) = second {
            return Err(Error::GivenTwice {
                first: shown,
                second: self.shown(layer, second.old),
            });
        }
        let line = self.file.lines.get(written);
        let from = match line.filter(|_| matches!(layer, Layers::File)) {
            Some(line) => format!("{shown}, line {line}"),
            None => shown.clone(),
        };
        let Some(old) = old else {
            return Ok(Some(Found { text, from }));
        };
        let now = match layer {
            Layers::Variable => key.variable(),
            Layers::Flag => format!("--{}", key.shown()),
            Layers::File | Layers::All => key.shown(),
        };
        self.warnings.push(format!(
            "{shown} is now called {now}; the old name still works"
        ));
        let text = old.translate(text);
        Ok(Some(Found { text, from }))
    }

    fn text(&self, layer: Layers, name: &str) -> Option<String> {
        match layer {
            Layers::Flag => self.flags.get(name).cloned(),
            // An empty variable counts as unset.
            Layers::Variable => {
                (self.environment)(&options::variable(name)).filter(|text| !text.trim().is_empty())
            }
            Layers::File | Layers::All => self.file.values.get(name).cloned(),
        }
    }

    fn shown(&self, layer: Layers, name: &str) -> String {
        let written = name.replace('_', "-");
        match layer {
            Layers::Flag => format!("--{written}"),
            Layers::Variable => options::variable(name),
            Layers::File | Layers::All => format!("{written} in {}", self.path.display()),
        }
    }

    /// Warns about keys in the file that were written with `_`.
    fn snakes(&mut self) {
        let path = self.path.display().to_string();
        for key in &self.file.snakes {
            let now = key.replace('_', "-");
            self.warnings.push(format!(
                "{key} in {path} is now called {now}; the old name still works"
            ));
        }
    }
}
