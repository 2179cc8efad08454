import Glibc
import NIOConcurrencyHelpers
package import Storage

/// A disk in memory that tracks what survives power loss, and fails as planned.
///
/// Written bytes are durable after a sync of their file, names of files and folders after a sync of their folder. A name
/// survives only in a folder that survives. ``losePower(_:)`` keeps everything durable, and of the rest what the mode
/// says.
///
/// Isolation: any thread; one lock for everything.
package final class SimulatedDisk: Disk {
    /// One system call, before it is carried out.
    package struct Call: Sendable {
        /// The number of the call, from 0, since the plan was set.
        package var index: Int
        package var name: String
        package var path: String
    }

    package enum Fault: Sendable {
        /// The call fails and has no effect.
        case failsAndIsNotPersisted(errno: Int32)
        /// The call fails, but its effect is durable.
        case failsButIsPersisted(errno: Int32)
        /// A write writes only this many bytes.
        case takesOnly(bytes: Int)
        /// A sync does nothing but succeeds; other calls are unaffected.
        case lies
    }

    /// The fate of 512-byte sectors that were written but not synced.
    package enum PowerLoss: Hashable, Sendable {
        case losesUnsynced
        case keepsUnsynced
        /// Only every other sector is written.
        case tearsSectors
        /// The last half is written, the first half is not.
        case reorders
        /// The first sectors are written, the others are not.
        case keepsFirst(sectors: Int)
        /// The first sectors are not written, the others are.
        case losesFirst(sectors: Int)
        /// Each sector, the size, and the names survive or not independently.
        case random(seed: UInt64)

        /// The modes without a parameter.
        package static let allCases: [PowerLoss] = [.losesUnsynced, .keepsUnsynced, .tearsSectors, .reorders]
    }

    fileprivate struct Inode: Sendable {
        var content = SimulatedContent()
        var durable = SimulatedContent()
        var changes: Int64 = 0
        /// After a failed sync Linux may mark the pages clean: reads return them until they are dropped from the cache.
        var hasFailedSync = false
    }

    fileprivate struct State: Sendable {
        /// A folder is a name with the inode ``SimulatedDisk/folderInode``.
        var names: [String: Int] = [:]
        var durableNames: [String: Int] = [:]
        var inodes: [Int: Inode] = [:]
        var nextInode = 0
        var callCount = 0
        /// Whether the current sync has no effect.
        var isLying = false
        var calls: [Call] = []
        /// The disk before each call that changes it; nil if snapshots are not recorded.
        var snapshots: [(call: String, state: Box)]?
        var plan: @Sendable (Call) -> Fault? = { _ in nil }
    }

    /// A reference to a state, for storage inside a state.
    fileprivate final class Box: Sendable {
        let state: State

        init(_ state: State) {
            self.state = state
        }
    }

    fileprivate static let folderInode = -1

    fileprivate let state = NIOLockedValueBox(State())

    package init() {}

    // MARK: For tests

    /// Sets the plan of faults, and counts calls from 0 again.
    package func setPlan(_ plan: @escaping @Sendable (Call) -> Fault?) {
        state.withLockedValue {
            $0.plan = plan
            $0.callCount = 0
            $0.calls = []
        }
    }

    /// The calls since the plan was set, for example `write bets.ledger`.
    package var calls: [String] {
        state.withLockedValue(\.calls).map { "\($0.name) \($0.path.split(separator: "/").last ?? "")" }
    }

    /// Cuts the power: open files and everything volatile are lost.
    package func losePower(_ mode: PowerLoss) {
        state.withLockedValue { state in
            state.plan = { _ in nil }
            var random = SeededGenerator(seed: 0)
            if case .random(let seed) = mode { random = SeededGenerator(seed: seed) }
            for (number, inode) in state.inodes.sorted(by: { $0.key < $1.key }) {
                let survivor = inode.content.afterPowerLoss(mode, durable: inode.durable, &random)
                state.inodes[number]?.content = survivor
                state.inodes[number]?.durable = survivor
                state.inodes[number]?.changes += 1
            }
            switch mode {
            case .losesUnsynced: state.names = state.durableNames
            case .random: if Bool.random(using: &random) { state.names = state.durableNames }
            default: break
            }
            state.names = state.names.filter { name, _ in Self.isReachable(name, state.names) }
            state.durableNames = state.names
            let named = Set(state.names.values)
            state.inodes = state.inodes.filter { named.contains($0.key) }
        }
    }

    /// Returns the current bytes of a file as a reader sees them.
    package func bytes(_ path: String) -> [UInt8]? {
        state.withLockedValue { state in
            state.names[path].flatMap { state.inodes[$0]?.content }.map { $0.read(0..<$0.size) }
        }
    }

    /// Returns the number of a file's sectors that power loss may revert.
    package func unsyncedSectors(_ path: String) -> Int {
        state.withLockedValue { state in
            state.names[path].flatMap { state.inodes[$0] }.map { $0.content.changedSectors($0.durable).count } ?? 0
        }
    }

    /// Returns a copy of the disk in its current state, without the plan.
    package func copy() -> SimulatedDisk {
        SimulatedDisk(state.withLockedValue { $0 })
    }

    fileprivate convenience init(_ state: State) {
        self.init()
        self.state.withLockedValue {
            $0 = state
            $0.plan = { _ in nil }
            $0.snapshots = nil
        }
    }

    /// Runs `body` and returns the disk as it was before each of its calls that change it.
    package func snapshots(during body: () throws -> Void) rethrows -> [(call: String, disk: SimulatedDisk)] {
        state.withLockedValue { $0.snapshots = [] }
        try body()
        let snapshots = state.withLockedValue { state in
            defer { state.snapshots = nil }
            return state.snapshots ?? []
        }
        return snapshots.map { ($0.call, SimulatedDisk($0.state.state)) }
    }

    /// Creates or replaces a file, durably.
    package func put(_ path: String, _ bytes: [UInt8]) {
        state.withLockedValue { state in
            for parent in Self.ancestors(path) {
                state.names[parent] = Self.folderInode
                state.durableNames[parent] = Self.folderInode
            }
            let content = SimulatedContent(bytes)
            state.inodes[state.nextInode] = Inode(content: content, durable: content)
            state.names[path] = state.nextInode
            state.durableNames[path] = state.nextInode
            state.nextInode += 1
        }
    }

    /// Whether every folder above a name exists.
    private static func isReachable(_ name: String, _ names: [String: Int]) -> Bool {
        let parent = parentFolder(of: name)
        return parent == "." || parent == "/" || names[parent] == folderInode && isReachable(parent, names)
    }

    private static func ancestors(_ path: String) -> [String] {
        let parent = parentFolder(of: path)
        return parent == "." || parent == "/" ? [] : ancestors(parent) + [parent]
    }

    // MARK: Disk

    package func open(_ path: String, _ mode: DiskOpenMode) throws(DiskError) -> any DiskFile {
        let number = try perform("open", path) { state throws(DiskError) -> Int in
            if let number = state.names[path], mode != .replace {
                guard number != Self.folderInode else { throw DiskError(call: "open", path: path, errno: EISDIR) }
                return number
            }
            let parent = parentFolder(of: path)
            guard mode == .replace, parent == "." || state.names[parent] == Self.folderInode else {
                throw DiskError(call: "open", path: path, errno: ENOENT)
            }
            state.inodes[state.nextInode] = Inode()
            state.names[path] = state.nextInode
            state.nextInode += 1
            return state.nextInode - 1
        }
        return SimulatedFile(disk: self, number: number, path: path, isDirect: mode == .readWriteDirect)
    }

    package func rename(_ source: String, to target: String) throws(DiskError) {
        try perform("rename", source) { state throws(DiskError) in
            state.names[target] = state.names.removeValue(forKey: source)
        }
    }

    package func syncFolder(_ path: String) throws(DiskError) {
        try perform("syncFolder", path) { state throws(DiskError) in
            let prefix = path == "." ? "" : path == "/" ? path : path + "/"
            let isInside = { (name: String) in
                name.utf8.starts(with: prefix.utf8)
                    && !name.utf8.dropFirst(prefix.utf8.count).contains(UInt8(ascii: "/"))
            }
            state.durableNames = state.durableNames.filter { !isInside($0.key) || state.names[$0.key] != nil }
            for (name, number) in state.names where isInside(name) { state.durableNames[name] = number }
        }
    }

    package func remove(_ path: String) throws(DiskError) {
        guard state.withLockedValue({ $0.names[path] != nil }) else { return }
        try perform("remove", path) { state throws(DiskError) in state.names[path] = nil }
    }

    package func names(in path: String) throws(DiskError) -> [String] {
        try perform("list", path) { state throws(DiskError) in
            let prefix = path + "/"
            return state.names.keys.filter { $0.hasPrefix(prefix) && !$0.dropFirst(prefix.count).contains("/") }
                .map { String($0.dropFirst(prefix.count)) }.sorted()
        }
    }

    package func makeOneFolder(_ path: String) throws(DiskError) {
        try perform("mkdir", path) { state throws(DiskError) in state.names[path] = Self.folderInode }
    }

    package func forgetCached(_ path: String) throws(DiskError) {
        state.withLockedValue { state in
            guard let number = state.names[path], let inode = state.inodes[number], inode.hasFailedSync else { return }
            state.inodes[number]?.content = inode.durable
            state.inodes[number]?.hasFailedSync = false
        }
    }

    package func stamp(_ path: String) -> FileStamp? {
        state.withLockedValue { state in
            guard let number = state.names[path] else {
                return path == "." ? FileStamp(inode: 0, size: 0, changed: 0) : nil
            }
            guard let inode = state.inodes[number] else { return FileStamp(inode: 0, size: 0, changed: 0) }
            return FileStamp(inode: UInt64(number), size: inode.content.size, changed: inode.changes)
        }
    }

    /// Performs a call as the plan says.
    fileprivate func perform<Result: Sendable>(
        _ name: String, _ path: String, short: ((inout State, Int) -> Result)? = nil,
        _ body: (inout State) throws(DiskError) -> Result
    ) throws(DiskError) -> Result {
        let outcome = state.withLockedValue { state -> Swift.Result<Result, DiskError> in
            let call = Call(index: state.callCount, name: name, path: path)
            state.callCount += 1
            state.calls.append(call)
            if state.snapshots != nil, !["read", "size", "list"].contains(name) {
                var before = state
                before.snapshots = nil
                before.calls = []
                state.snapshots?.append((call.name, Box(before)))
            }
            switch state.plan(call) {
            case .failsAndIsNotPersisted(let errno):
                if name == "sync", let number = state.names[path] { state.inodes[number]?.hasFailedSync = true }
                return .failure(DiskError(call: name, path: path, errno: errno))
            case .failsButIsPersisted(let errno):
                _ = Swift.Result { () throws(DiskError) in try body(&state) }
                for (number, inode) in state.inodes { state.inodes[number]?.durable = inode.content }
                state.durableNames = state.names
                return .failure(DiskError(call: name, path: path, errno: errno))
            case .takesOnly(let bytes):
                if let short { return .success(short(&state, bytes)) }
                return Swift.Result { () throws(DiskError) in try body(&state) }
            case .lies:
                state.isLying = true
                defer { state.isLying = false }
                return Swift.Result { () throws(DiskError) in try body(&state) }
            case nil:
                return Swift.Result { () throws(DiskError) in try body(&state) }
            }
        }
        return try outcome.get()
    }
}

private struct SimulatedFile: DiskFile {
    let disk: SimulatedDisk
    let number: Int
    let path: String
    let isDirect: Bool

    func size() throws(DiskError) -> Int {
        try disk.perform("size", path) { [number] state throws(DiskError) in
            state.inodes[number]?.content.size ?? 0
        }
    }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(DiskError) -> Int {
        let limit = buffer.count
        let bytes = try disk.perform("read", path) { [number] state throws(DiskError) -> [UInt8] in
            guard let content = state.inodes[number]?.content, offset < content.size else { return [] }
            return content.read(offset..<min(offset + limit, content.size))
        }
        buffer.copyBytes(from: bytes)
        return bytes.count
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DiskError) -> Int {
        let copy = Array(bytes)
        let number = number
        if isDirect {
            precondition(
                offset % 4096 == 0 && copy.count % 4096 == 0,
                "O_DIRECT accepts whole blocks only, not \(copy.count) bytes at \(offset)")
        }
        func put(_ state: inout SimulatedDisk.State, _ count: Int) -> Int {
            state.inodes[number]?.content.write(copy[..<count], at: offset)
            state.inodes[number]?.changes += 1
            return count
        }
        return try disk.perform("write", path, short: { put(&$0, min($1, copy.count)) }) { state throws(DiskError) in
            put(&state, copy.count)
        }
    }

    func sync() throws(DiskError) {
        try disk.perform("sync", path) { [number] state throws(DiskError) in
            guard !state.isLying, let content = state.inodes[number]?.content else { return }
            state.inodes[number]?.durable = content
        }
    }

    func truncate(to size: Int) throws(DiskError) {
        try disk.perform("truncate", path) { [number] state throws(DiskError) in
            state.inodes[number]?.content.size = size
        }
    }

    func allocate(from offset: Int, byteCount: Int) throws(DiskError) {
        try disk.perform("allocate", path) { [number] state throws(DiskError) in
            state.inodes[number]?.content.size = offset + byteCount
        }
    }

    /// Always succeeds: other processes are not simulated.
    func lock() throws(DiskError) {}

    func namedStamp() throws(DiskError) -> FileStamp? {
        disk.state.withLockedValue { state in
            guard state.names[path] == number, let inode = state.inodes[number] else { return nil }
            return FileStamp(inode: UInt64(number), size: inode.content.size, changed: inode.changes)
        }
    }
}
