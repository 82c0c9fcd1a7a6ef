//! Channel mode changes, <https://modern.ircdocs.horse/#mode-message>.

use crate::{Isupport, ModeKind};

/// A mode change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ModeChange {
    /// Set, or unset.
    pub set: bool,
    /// The mode's letter.
    pub mode: char,
    /// Its argument, if it has one.
    pub argument: Option<String>,
}

/// Parses the parameters of MODE after the channel: the mode string and its arguments.
///
/// A mode whose argument is missing is returned without one, as when a list is queried.
#[must_use]
pub fn parse_modes(isupport: &Isupport, params: &[String]) -> Vec<ModeChange> {
    let Some((modes, arguments)) = params.split_first() else {
        return Vec::new();
    };
    let mut arguments = arguments.iter();
    let mut set = true;
    let mut changes = Vec::new();
    for mode in modes.chars() {
        match mode {
            '+' => set = true,
            '-' => set = false,
            mode => {
                let takes = match isupport.mode_kind(mode) {
                    ModeKind::List | ModeKind::Always | ModeKind::Rank => true,
                    ModeKind::WhenSet => set,
                    ModeKind::Never => false,
                };
                changes.push(ModeChange {
                    set,
                    mode,
                    argument: takes.then(|| arguments.next().cloned()).flatten(),
                });
            }
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_go_to_the_modes_that_take_them() {
        let mut isupport = Isupport::default();
        isupport.apply(["PREFIX=(ov)@+", "CHANMODES=b,k,l,imnt"]);
        let params = ["+ntlo-kv+b", "10", "alice", "key", "bob"].map(str::to_owned);
        let found: Vec<_> = parse_modes(&isupport, &params)
            .into_iter()
            .map(|c| (c.set, c.mode, c.argument))
            .collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            found,
            [
                (true, 'n', None),
                (true, 't', None),
                (true, 'l', some("10")),
                (true, 'o', some("alice")),
                (false, 'k', some("key")),
                (false, 'v', some("bob")),
                (true, 'b', None),
            ]
        );
        assert!(parse_modes(&isupport, &[]).is_empty());
    }
}
