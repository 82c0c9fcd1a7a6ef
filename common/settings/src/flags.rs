//! The command line.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use options::Kind;

use crate::known::{Known, keys};
use crate::renamed::Layers;
use crate::{Error, Loaded, Program, Sources, layers};

/// The flags given to a program. With `#[command(flatten)]` they are part of a larger command line.
#[derive(Clone, Debug)]
pub struct Given<P> {
    /// By names with `_`, verbatim.
    pub(crate) flags: BTreeMap<String, String>,
    program: PhantomData<P>,
}

impl<P: Program> Given<P> {
    /// Adds the environment, the file and the defaults.
    ///
    /// # Errors
    /// One sentence: which key, what was found, what is expected, where it comes from.
    pub fn load(self) -> Result<Loaded<P>, Error> {
        self.load_from(&|name| std::env::var(name).ok())
    }

    /// The same with an environment that is passed in.
    ///
    /// # Errors
    /// One sentence: which key, what was found, what is expected, where it comes from.
    pub fn load_from(
        self,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Loaded<P>, Error> {
        layers::load(&self.flags, environment)
    }

    /// The same for flags by their names without `--`, and an environment of these variables.
    ///
    /// # Errors
    /// One sentence: which key, what was found, what is expected, where it comes from.
    pub fn load_pairs(
        flags: &[(&str, &str)],
        environment: &[(&str, &str)],
    ) -> Result<Loaded<P>, Error> {
        let given = flags
            .iter()
            .fold(Self::none(), |given, (name, value)| given.with(name, value));
        given.load_from(&|name| {
            let found = environment.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    /// Reads the options and starts the log, which warns about former names. Also returns where the values come from:
    /// for errors that the program finds afterwards ([`Sources::explained`]).
    ///
    /// # Errors
    /// One sentence: which key, what was found, what is expected, where it comes from.
    pub fn begin(self) -> Result<(P, Sources), Error> {
        let loaded = self.load()?;
        let sources = loaded.sources.clone();
        Ok((loaded.begin().map_err(Error::Log)?, sources))
    }

    /// No flags.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            flags: BTreeMap::new(),
            program: PhantomData,
        }
    }

    /// Adds a flag, by its name without `--`.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.flags.insert(name.replace('-', "_"), value.to_owned());
        self
    }
}

impl<P: Program> FromArgMatches for Given<P> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Self::none();
        given.update_from_arg_matches(matches)?;
        Ok(given)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for name in names::<P>() {
            if let Ok(Some(values)) = matches.try_get_many::<String>(&id(&name)) {
                let values: Vec<&str> = values.map(String::as_str).collect();
                self.flags.insert(name, values.join(","));
            }
        }
        Ok(())
    }
}

impl<P: Program> Args for Given<P> {
    fn augment_args(command: Command) -> Command {
        let known = keys::<P>();
        let flags = known.iter().filter(|key| key.is_flag());
        let command = command.args(flags.map(argument));
        command.args(renamed::<P>().map(|old| {
            let switch = known
                .iter()
                .find(|key| key.key.name == old.new)
                .is_some_and(|key| key.key.kind == Kind::Switch);
            plain(old.old, switch || !old.means.is_empty()).hide(true)
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn renamed<P: Program>() -> impl Iterator<Item = &'static crate::Renamed> {
    P::RENAMED.iter().filter(|old| old.is_on(Layers::Flag))
}

/// The names of all flags with `_`.
fn names<P: Program>() -> impl Iterator<Item = String> {
    let known = keys::<P>().into_iter().filter(Known::is_flag);
    known
        .map(|key| key.short().to_owned())
        .chain(renamed::<P>().map(|old| old.old.to_owned()))
}

/// Other arguments of a command line may have the names of keys.
fn id(name: &str) -> String {
    format!("setting {name}")
}

fn plain(name: &str, is_switch: bool) -> Arg {
    let argument = Arg::new(id(name))
        .long(name.replace('_', "-"))
        .action(ArgAction::Set);
    if is_switch {
        argument.num_args(0..=1).default_missing_value("true")
    } else {
        argument
    }
}

fn argument(known: &Known) -> Arg {
    let key = &known.key;
    let mut help = format!("{} [env: {}]", key.help, known.variable());
    if let Some(default) = key.default.or(key.otherwise) {
        help = format!("{help} [default: {default}]");
    }
    let argument = plain(known.short(), key.kind == Kind::Switch)
        .value_name(key.value)
        .help(help);
    if key.kind == Kind::List {
        argument.action(ArgAction::Append)
    } else {
        argument
    }
}
