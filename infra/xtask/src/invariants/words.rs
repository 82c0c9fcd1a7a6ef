//! Style: phrases that have a plainer form (the glossary is in CONTRIBUTING.md).

/// A phrase, and what to write instead.
const PHRASES: &[(&str, &str)] = &[
    ("Tells whether", "Returns whether"),
    ("is none any more", "stops working, no longer exists"),
    ("are none any more", "stop working, no longer exist"),
    ("What was found is none", "The value is not a valid …"),
    ("will not do:", "is not valid:"),
    ("that will not do", "invalid"),
    ("Goes on with the", "Resumes the"),
    ("at somebody else's server", "on an external server"),
    ("somebody else's remoteStorage", "an external remoteStorage"),
    ("Who cannot tell", "An unknown answer"),
    ("is not said, and not later", "is dropped"),
    ("Make the webhook", "Create webhook"),
    ("; tells whether", "; returns whether"),
    ("(any more)", "or has expired; or was deleted"),
    ("repeating it goes on", "repeating it resumes"),
    ("repeat it to go on", "repeat it to continue"),
    ("begins anew", "starts over"),
    ("who cannot tell", "an unknown answer"),
    ("is none; expected", "is not valid: expected"),
    ("look at it and try again", "reload and try again"),
    ("could not be sealed", "could not be encrypted"),
    ("does not exist any more", "no longer exists"),
    ("are not needed any more", "are no longer needed"),
    ("set it anew", "set a new one"),
    ("waits to be confirmed", "waits for confirmation"),
    ("Makes it over those", "Creates it from …"),
    ("Makes an empty", "Creates an empty"),
    ("Makes one", "Creates one"),
    ("Answer to `", "Response to `"),
    ("Answers to `", "Responses to `"),
    ("slash at its end", "trailing slash"),
    ("compare and swap", "compare-and-swap"),
    ("whoever has the link", "anyone with the link"),
    ("Who guesses", "Guessing …"),
    ("Who writes", "A writer …"),
    ("Who may not", "Somebody who must not"),
    ("gives back", "returns"),
    ("handed in", "passed in"),
    ("hands on", "passes on, forwards"),
    ("handed on", "passed on, forwarded"),
    ("kept beside", "kept alongside"),
    ("of an account's own", "an account's own …"),
    ("Begins every", "The prefix of all …"),
    ("Says what is wrong", "Describes the error"),
    ("Says how", "Describes how"),
    ("Tells how", "Returns how"),
    ("After so many", "After this many"),
    ("What it is called", "Its name"),
    ("What belongs there", "What is expected"),
    ("have no room left", "have no space left"),
    ("as they lie", "as they are stored"),
    ("as it lies in", "as stored in"),
    ("as it stands", "unchanged"),
    ("is everybody's", "affects everyone, is shared"),
    ("concerns nobody", "affects nobody"),
    ("nobody is concerned", "nobody is affected"),
    ("so that nobody knows", "so it is unknown"),
    ("looks by itself", "polls"),
    ("asks by itself", "polls"),
    ("does not hear it", "misses it, cannot be reached"),
    ("not heard of", "lost"),
    ("whoever loses", "on a conflict, the loser"),
    ("put forward", "advanced"),
    ("Tries out", "Tests"),
    ("tries out", "tests"),
    ("if there are such", "if there are any"),
    ("if there is such", "if there is one"),
    ("what it was is kept", "the original is kept"),
    ("it takes no writes", "it accepts no writes"),
    ("are to be said", "are to be posted"),
    ("must be said", "must be posted"),
    ("will be said", "will be posted"),
    ("are answered with", "get the response"),
    ("tells apart", "distinguishes"),
    ("In the end all", "At the end everything"),
    ("Lets somebody", "Allows somebody to"),
];

/// Returns a message if a line of text contains one of the phrases.
pub(super) fn trouble_in(name: &str, line: &str) -> Option<String> {
    let written = [".rs", ".md", ".ts", ".gts", ".mjs"];
    // This file has to name them.
    if name.ends_with("invariants/words.rs") || !written.iter().any(|end| name.ends_with(end)) {
        return None;
    }
    let (phrase, better) = PHRASES.iter().find(|(phrase, _)| line.contains(phrase))?;
    Some(format!("says \"{phrase}\"; write: {better}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_found_in_what_is_written_only() {
        let line = "/// Tells whether it is there.";
        let said = trouble_in("a/b.rs", line).unwrap();
        assert!(said.contains("Returns whether"), "{said}");
        assert_eq!(trouble_in("a/b.json", line), None);
        assert_eq!(
            trouble_in("a/b.rs", "/// Returns whether it is there."),
            None
        );
    }
}
