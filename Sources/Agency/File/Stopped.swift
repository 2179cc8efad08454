/// A stop signal, SIGTERM or SIGINT, that ends the work.
struct Stopped: Error {
    var signal: String
}
