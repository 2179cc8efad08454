import ArgumentParser
import Domain
import Ledger
import Shell
import Storage

struct EventsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Print the events of the draws, or check their chain.",
        discussion: """
            Each line of events.log holds the SHA-256 of the line before. --verify checks the chain and prints the last \
            hash: whoever notes it can later show that nothing before it was changed or removed.

            EXIT CODES
              0 done · 65 a line is not an event, or the chain is broken
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Check the chain instead of printing the events.")
    var verify = false

    @Option(help: "text, or json: the lines as they are.")
    var output: OutputFormat = .text

    func run() throws {
        try ProgramExit.run {
            let configuration = try options.load()
            let path = configuration.folder.data.events
            guard let bytes = try DurableFile.read(path, on: PosixDisk()) else {
                throw EventsFault(description: "\(path): there are no events yet")
            }
            let chain = try EventChain(bytes, path: path)
            if verify {
                return try writeOutput("\(chain.events.count) events, valid, last hash \(chain.lastHash)")
            }
            let named = configuration.isDrawChosen ? configuration.draw : nil
            for (event, line) in zip(chain.events, chain.lines) where named == nil || event.draw == named {
                try writeOutput(output == .json ? line : event.text)
            }
        }
    }
}

/// The events of a log whose chain is whole.
struct EventChain {
    private(set) var events: [DrawEvent] = []
    private(set) var lines: [String] = []
    private(set) var lastHash = DrawEvent.noPrevious

    /// Reads a log; a last line without an end is being written, or was when the service died.
    ///
    /// - Throws: ``EventsFault`` at the first line that is not an event, or does not follow the one before.
    init(_ bytes: [UInt8], path: String) throws(EventsFault) {
        let end = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        for (index, line) in bytes[..<end].split(separator: UInt8(ascii: "\n")).enumerated() {
            guard let event = DrawEvent(line: line) else {
                throw EventsFault(description: "\(path):\(index + 1): the line is not an event")
            }
            guard event.previous == lastHash else {
                throw EventsFault(
                    description: "\(path):\(index + 1): the chain is broken: the line holds \(event.previous), but the "
                        + "SHA-256 of the line before is \(lastHash); a line was changed, removed or inserted")
            }
            events.append(event)
            lines.append(String(decoding: line, as: UTF8.self))
            lastHash = DrawEvent.hash(line: line)
        }
    }
}

/// An error in the log of events.
struct EventsFault: ProgramError, CustomStringConvertible {
    var description: String
    var exit: ProgramExit { .data }
}
