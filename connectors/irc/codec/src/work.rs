//! What tests count: how many bytes or entries are looked at or moved. In programs it is nothing.

protocol::counted_work!();
