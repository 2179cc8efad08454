import ArgumentParser
import Domain
import Ledger
import Shell
import Storage

struct ArchiveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "archive", abstract: "Copy a published or void draw to a folder that verify accepts anywhere.",
        discussion: """
            Copies every file of the draw, and events.log, below the target folder, and checks the copy: \
            bet-ingest verify --data TARGET --draw ID, and bet-ingest events --verify --data TARGET. The draw in the data \
            folder stays; remove its folder once the archive is safe elsewhere.

            EXAMPLE
              bet-ingest draws archive 2026-12-24-nocturna --to /srv/archive
            """)

    @OptionGroup var draw: DrawArgument

    @Option(help: ArgumentHelp("The folder of archives; it is created.", valueName: "folder"))
    var to: String

    func run() throws {
        try ProgramExit.run {
            let configuration = try draw.options.load()
            let source = DrawFolder(data: configuration.data, draw: draw.id)
            let target = DrawFolder(data: to.count > 1 && to.hasSuffix("/") ? String(to.dropLast()) : to, draw: draw.id)
            let disk = PosixDisk()
            guard DrawState.isFinal(source, on: disk) else {
                throw ArchiveFault(description: "\(source.path): only a published or void draw can be archived")
            }
            guard disk.stamp(target.path) == nil else {
                throw ArchiveFault(description: "\(target.path) exists; an archive is never overwritten")
            }
            try disk.makeFolder(target.path)
            for name in try disk.names(in: source.path) where !name.contains(".new") {
                try Self.copy("\(source.path)/\(name)", to: "\(target.path)/\(name)", on: disk)
            }
            if disk.stamp(source.data.events) != nil {
                try Self.copy(source.data.events, to: target.data.events, on: disk)
            }
            let contents = try LedgerContents(reading: target.ledger, on: disk)
            _ = try PublishedDraw(target, contents: contents, on: disk)
            try writeOutput("\(target.path): \(contents.standings.storedBets) bets, the copy is valid")
        }
    }

    /// Copies a file, durably.
    ///
    /// - Throws: ``DiskError``.
    private static func copy(_ source: String, to target: String, on disk: any Disk) throws(DiskError) {
        let file = try disk.open(source, .readOnly)
        let copy = try disk.open(target + ".new", .replace)
        var offset = 0
        while true {
            let bytes = try file.read(at: offset, byteCount: 1 << 20)
            if bytes.isEmpty { break }
            try copy.writeAll(bytes, at: offset)
            offset += bytes.count
        }
        try copy.sync()
        try disk.rename(target + ".new", to: target)
        try disk.syncFolder(parentFolder(of: target))
    }
}

/// The reason that a draw cannot be archived.
struct ArchiveFault: ProgramError, CustomStringConvertible {
    var description: String
    var exit: ProgramExit { .data }
}
