package import Domain
package import WireProtocol

/// A dialect that sends a line back, for the connectivity check with netcat.
///
/// It carries no bets.
///
/// Source: docs/dialects.md, "echo".
package final class EchoDialect: Dialect {
    package let name = "echo"
    package let framing = Framing.newlines(1)

    package init() {}

    package func request(_ frame: [UInt8], today: Birthdate) -> DialectRequest { .echo(frame) }

    package func encode(_ reply: DialectReply, into bytes: inout [UInt8]) {
        if case .echo(let line) = reply { bytes += line }
    }

    package func next(after reply: DialectReply) -> DialectReply.Next { .close }
}
