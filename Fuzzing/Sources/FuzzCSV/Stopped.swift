/// The agency program's own stands beside its connections, which are not here.
struct Stopped: Error {
    var signal: String
}
