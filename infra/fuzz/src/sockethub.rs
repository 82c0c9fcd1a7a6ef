//! What browsers and other Sockethub clients send: JSON of any shape.

pub(crate) fn run(input: &[u8]) {
    gateway::any_message(input);
}
