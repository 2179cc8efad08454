/// The version that the plugin ProgramVersion takes from git, in a module of its own.
///
/// Nothing imports it: CLinux finds its one function when a program is linked, so that a commit costs a compilation of
/// this module and not of Shared.
enum BuildVersion {}
