// The limit: takes the same bytes from the same generator as the service, checks nothing, appends them with the same group
// commit (O_DIRECT, whole blocks, preallocated space, one fdatasync) and acknowledges after it.
//
//   quiniela-limit PORT FILE
//
// One thread reads and frames (epoll), one writes. Two buffers: one fills while the other is written.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { block = 4096, groupBytes = 8 << 20, readBytes = 256 << 10, answerBytes = 19, maxDescriptors = 20000 };

typedef struct {
    int fd;
    uint8_t *bytes;  // what came and is no whole frame yet
    size_t count, room;
    uint32_t unanswered, answered;  // chunks
} Connection;

typedef struct {
    uint8_t *bytes;
    size_t count;
    int *owners;  // the connection of each chunk
    size_t ownerCount;
} Group;

static Group groups[2];
static int filling, ready = -1;  // guarded by `lock`: the group that fills, the one that is written
static bool isWritten;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static int written, file;
static Connection *connections[maxDescriptors];
static uint8_t scratch[readBytes];

static void fail(const char *what) {
    fprintf(stderr, "quiniela-limit: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *writeGroups(void *unused) {
    (void)unused;
    off_t end = 0, allocated = 0;
    while (true) {
        pthread_mutex_lock(&lock);
        while (ready < 0 || isWritten) pthread_cond_wait(&wake, &lock);
        Group *group = &groups[ready];
        pthread_mutex_unlock(&lock);
        size_t padded = (group->count + block - 1) / block * block;
        memset(group->bytes + group->count, 0, padded - group->count);
        if (end + (off_t)padded > allocated) {
            off_t step = allocated < (1 << 20) ? 1 << 20 : allocated > (64 << 20) ? 64 << 20 : allocated;
            if (step < (off_t)padded) step = (off_t)padded;
            if (fallocate(file, 0, allocated, step) == 0) allocated += step;
        }
        for (size_t done = 0; done < padded;) {
            ssize_t count = pwrite(file, group->bytes + done, padded - done, end + (off_t)done);
            if (count <= 0) fail("pwrite");
            done += (size_t)count;
        }
        if (fdatasync(file) != 0) fail("fdatasync");
        end += (off_t)padded;
        pthread_mutex_lock(&lock);
        isWritten = true;
        pthread_mutex_unlock(&lock);
        uint64_t one = 1;
        if (write(written, &one, 8) != 8) fail("eventfd");
    }
}

// Hands the group that fills over, where the writer is free.
static void handOver(void) {
    pthread_mutex_lock(&lock);
    if (ready < 0 && groups[filling].ownerCount > 0) {
        ready = filling;
        filling = 1 - filling;
        pthread_cond_signal(&wake);
    }
    pthread_mutex_unlock(&lock);
}

// Acknowledges what the writer has written.
static void acknowledge(void) {
    Group *group = &groups[ready];
    for (size_t index = 0; index < group->ownerCount; index++) {
        Connection *connection = connections[group->owners[index]];
        if (connection) connection->unanswered++;
    }
    static uint8_t answers[answerBytes * 4096];
    for (size_t index = 0; index < group->ownerCount; index++) {
        Connection *connection = connections[group->owners[index]];
        if (!connection || connection->unanswered == 0) continue;
        size_t count = 0;
        for (; connection->unanswered > 0 && count < 4096; count++, connection->unanswered--) {
            uint8_t *answer = answers + count * answerBytes;
            memset(answer, 0, answerBytes);
            answer[3] = answerBytes - 4;
            answer[4] = 0x82;
        }
        if (write(connection->fd, answers, count * answerBytes) < 0 && errno != EPIPE && errno != ECONNRESET)
            fail("answer");
    }
    group->count = group->ownerCount = 0;
    pthread_mutex_lock(&lock);
    ready = -1;
    isWritten = false;
    pthread_mutex_unlock(&lock);
}

static const uint8_t welcome[] = {0, 0, 0, 36, 0x81, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                  0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 32, 0, 7, 'd', 'e', 'f', 'a', 'u', 'l', 't'};

// Takes frames off the front of some bytes.
//
// Returns the bytes that were taken.
static size_t takeFrames(Connection *connection, const uint8_t *bytes, size_t count) {
    size_t at = 0;
    while (count - at >= 5) {
        uint32_t length;
        memcpy(&length, bytes + at, 4);
        length = ntohl(length);
        if (count - at < 4 + (size_t)length) break;
        if (bytes[at + 4] == 1) {
            if (write(connection->fd, welcome, sizeof welcome) < 0) fail("welcome");
        } else {
            Group *group = &groups[filling];
            if (group->count + length > groupBytes) break;  // the rest waits for the writer
            memcpy(group->bytes + group->count, bytes + at + 4, length);
            group->count += length;
            group->owners[group->ownerCount++] = connection->fd;
        }
        at += 4 + length;
    }
    return at;
}

static bool isFull(void) { return groups[filling].count + (1 << 20) > groupBytes; }

static void serve(Connection *connection) {
    ssize_t count = read(connection->fd, scratch, sizeof scratch);
    if (count <= 0) {
        if (count < 0 && errno == EAGAIN) return;
        connections[connection->fd] = NULL;
        close(connection->fd);
        free(connection->bytes);
        free(connection);
        return;
    }
    const uint8_t *bytes = scratch;
    size_t have = (size_t)count;
    if (connection->count > 0) {
        if (connection->count + have > connection->room) {
            connection->room = connection->count + have;
            connection->bytes = realloc(connection->bytes, connection->room);
        }
        memcpy(connection->bytes + connection->count, scratch, have);
        bytes = connection->bytes;
        have += connection->count;
    }
    size_t taken = takeFrames(connection, bytes, have);
    size_t rest = have - taken;
    if (rest > connection->room) {
        connection->room = rest;
        connection->bytes = realloc(connection->bytes, rest);
        bytes = bytes == scratch ? scratch : connection->bytes;
    }
    memmove(connection->bytes, bytes + taken, rest);
    connection->count = rest;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: quiniela-limit PORT FILE\n");
        return 64;
    }
    signal(SIGPIPE, SIG_IGN);
    for (int index = 0; index < 2; index++) {
        if (posix_memalign((void **)&groups[index].bytes, block, groupBytes + block) != 0) fail("memory");
        groups[index].owners = malloc(sizeof(int) * groupBytes / 32);
    }
    file = open(argv[2], O_RDWR | O_CREAT | O_TRUNC | O_DIRECT, 0644);
    if (file < 0) file = open(argv[2], O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (file < 0) fail(argv[2]);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(server, (struct sockaddr *)&address, sizeof address) != 0 || listen(server, 4096) != 0) fail("listen");
    written = eventfd(0, EFD_NONBLOCK);
    pthread_t writer;
    pthread_create(&writer, NULL, writeGroups, NULL);
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = server};
    epoll_ctl(epoll, EPOLL_CTL_ADD, server, &event);
    event.data.fd = written;
    epoll_ctl(epoll, EPOLL_CTL_ADD, written, &event);
    struct epoll_event events[256];
    while (true) {
        int count = epoll_wait(epoll, events, 256, -1);
        for (int index = 0; index < count; index++) {
            int fd = events[index].data.fd;
            if (fd == server) {
                int accepted = accept4(server, NULL, NULL, SOCK_NONBLOCK);
                if (accepted < 0 || accepted >= maxDescriptors) continue;
                setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                connections[accepted] = calloc(1, sizeof(Connection));
                connections[accepted]->fd = accepted;
                event.data.fd = accepted;
                epoll_ctl(epoll, EPOLL_CTL_ADD, accepted, &event);
            } else if (fd == written) {
                uint64_t value;
                if (read(written, &value, 8) == 8) acknowledge();
            } else if (connections[fd] && !isFull()) {
                serve(connections[fd]);
            }
        }
        handOver();
        while (isFull()) {
            // No room: wait for the writer, and for nothing else.
            struct pollfd descriptor = {.fd = written, .events = POLLIN};
            uint64_t value;
            if (poll(&descriptor, 1, -1) == 1 && read(written, &value, 8) == 8) acknowledge();
            handOver();
        }
    }
}
