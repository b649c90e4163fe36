//! Renders a structured result as short text: the same for `format = "text"`, the command line and
//! reports.
