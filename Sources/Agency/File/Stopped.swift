/// A stop signal, SIGTERM or SIGINT, ends the work.
struct Stopped: Error {
    var signal: String
}
