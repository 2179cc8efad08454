package import Domain
private import Logging

extension LogEvent {
    /// A command from a page of the console.
    ///
    /// - Parameter failure: why it was not done; nil if it was.
    package static func commanded(_ command: String, draw: DrawID?, peer: String, failure: String?) -> LogEvent {
        let name = draw.map { [("draw", Value.text($0.name))] } ?? []
        let error = failure.map { [("error", Value.text($0))] } ?? []
        return LogEvent(
            "command", failure == nil ? "success" : "fail",
            [("command", .text(command))] + name + [("peer", .text(peer))] + error,
            level: failure == nil ? .info : .warning, isRepeatable: failure != nil)
    }

    /// The file with the token for commands of the console; never the token.
    package static func operatorToken(path: String, isNew: Bool) -> LogEvent {
        LogEvent("operator_token", "success", [("path", .text(path)), ("made", .text(isNew ? "now" : "earlier"))])
    }
}
