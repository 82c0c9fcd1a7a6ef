//! The object store kept in a folder of plain files.
