private import Glibc
import Storage

/// A CSV, beside the file of bets, of lines that are not in the draw: line number, column of the fault, reason, line.
///
/// If it cannot be written, its first lines go to standard error.
///
/// Isolation: one thread; writing blocks.
final class RowReport {
    enum Mode {
        /// Written as a new file and renamed by ``finish()``: a file of an earlier run is replaced as a whole, or kept.
        case replaces
        case appends
    }

    let path: String
    private(set) var count = 0
    private let mode: Mode
    private let disk: any Disk
    private let tell: (String) -> Void
    private var file: (any DiskFile)?
    private var size = 0
    private var buffer: [UInt8] = []
    private var failure: DiskError?
    private var first: [String] = []

    private static let header = Array("line,column,reason,row\r\n".utf8)
    private static let maxTold = 20
    /// Fits the lines read before a file in another form is recognised, so that none of them is written.
    private static let maxBufferBytes = 1 << 20

    init(path: String, _ mode: Mode, on disk: any Disk, tell: @escaping (String) -> Void) {
        self.path = path
        self.mode = mode
        self.disk = disk
        self.tell = tell
    }

    /// Reports lines that the agency found invalid.
    static func invalid(of path: String, on disk: any Disk, tell: @escaping (String) -> Void) -> RowReport {
        RowReport(path: path + ".invalid.csv", .replaces, on: disk, tell: tell)
    }

    /// Reports bets that the service rejected; later runs append, because only the run that sent them knows them.
    static func rejected(of path: String, on disk: any Disk, tell: @escaping (String) -> Void) -> RowReport {
        RowReport(path: path + ".rejected.csv", .appends, on: disk, tell: tell)
    }

    /// Whether this run or an earlier one wrote the file.
    var exists: Bool { disk.stamp(path) != nil }

    /// Adds a line; `column` is nil if the fault is not in one field.
    func append(line: Int, column: Int?, reason: String, row: [UInt8]) {
        count += 1
        let column = column.map(String.init) ?? ""
        if first.count < Self.maxTold {
            first.append("line \(line)\(column.isEmpty ? "" : ", column \(column)"): \(reason)")
        }
        guard failure == nil else { return }
        if size == 0, buffer.isEmpty { buffer += Self.header }
        buffer += Array("\(line),\(column),".utf8)
        appendQuoted(Array(reason.utf8))
        buffer.append(UInt8(ascii: ","))
        appendQuoted(row)
        buffer += Array("\r\n".utf8)
        if buffer.count > Self.maxBufferBytes { flush() }
    }

    func flush() {
        do throws(DiskError) {
            try write()
        } catch {
            failure = failure ?? error
            buffer = []
        }
    }

    /// Writes the rest, or reports the first lines, and returns whether all lines are in the file.
    @discardableResult
    func finish() -> Bool {
        flush()
        if failure == nil, file != nil, mode == .replaces {
            do throws(DiskError) {
                try disk.rename(path + ".new", to: path)
            } catch {
                failure = error
            }
        }
        guard let failure else { return count > 0 }
        tell("\(path) cannot be written (\(failure))")
        for line in first { tell(line) }
        if count > first.count { tell("and \(count - first.count) more") }
        return false
    }

    private func write() throws(DiskError) {
        guard !buffer.isEmpty else { return }
        if file == nil { file = try open() }
        guard let file else { return }
        // A rethrowing closure would erase the error's type, so a Result carries it out.
        let outcome = buffer.withUnsafeBytes { bytes in
            Result { () throws(DiskError) in try file.writeAll(bytes, at: size) }
        }
        try outcome.get()
        size += buffer.count
        buffer.removeAll(keepingCapacity: true)
    }

    private func open() throws(DiskError) -> any DiskFile {
        guard disk.stamp(path) != nil else {
            return try disk.open(mode == .appends ? path : path + ".new", .replace)
        }
        let file = try disk.open(path, mode == .appends ? .readWrite : .readOnly)
        let existingBytes = try file.size()
        // The user's own file may have this name.
        let start = try file.read(at: 0, byteCount: Self.header.count)
        guard start.isEmpty || start == Self.header else {
            throw DiskError(call: "replace, because it is not a list of rows,", path: path, errno: EEXIST)
        }
        guard mode == .appends else { return try disk.open(path + ".new", .replace) }
        size = existingBytes
        // The header was buffered before the file was read.
        if size > 0 { buffer.removeFirst(Self.header.count) }
        return file
    }

    private func appendQuoted(_ bytes: [UInt8]) {
        buffer.append(UInt8(ascii: "\""))
        for byte in bytes {
            if byte == UInt8(ascii: "\"") { buffer.append(byte) }
            buffer.append(byte)
        }
        buffer.append(UInt8(ascii: "\""))
    }
}
