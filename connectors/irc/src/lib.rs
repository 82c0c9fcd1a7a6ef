//! The platform irc: a sans-IO session and its shell.
