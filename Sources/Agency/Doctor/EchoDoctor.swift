import Platform

/// Asks an echo server for one line.
///
/// Isolation: one thread; it blocks.
struct EchoDoctor {
    let address: Endpoint
    let patience: Duration

    /// Sends a line and reads to the end.
    ///
    /// - Throws: ``DoctorError`` if the server cannot be reached.
    func run() throws(DoctorError) -> Doctor.Finding {
        let line = Array("Testing Message From SH\n".utf8)
        let socket = try DoctorSocket(address)
        socket.send(line)
        var came: [UInt8] = []
        var end = "and then did not close"
        reading: while true {
            switch socket.receive(within: patience) {
            case .bytes(let bytes): came += bytes
            case .end:
                end = "and then closed"
                break reading
            case .silence: break reading
            }
        }
        return Doctor.Finding(
            name: "a line is echoed unchanged, and the server closes", holds: came == line && end == "and then closed",
            seen: "\(String(decoding: came.prefix(60), as: UTF8.self).debugDescription), \(end)")
    }
}
