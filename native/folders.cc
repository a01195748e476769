// What pruning needs of a file store's folders: who is in one, how large and
// how long unused; removing files; and a lock. A lock of flock's ends with its
// process, so that none can be left behind.

#include "steps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace llvm;

namespace finegrain {

static void listFolder(const std::string &Root, const std::string &Name,
                       std::vector<FolderFile> &Files) {
  DIR *Folder = ::opendir((Root + "/" + Name).c_str());
  if (!Folder)
    return;
  auto Close = scope_exit([&] { ::closedir(Folder); });
  while (dirent *Item = ::readdir(Folder)) {
    struct stat Stat;
    if (::fstatat(::dirfd(Folder), Item->d_name, &Stat, AT_SYMLINK_NOFOLLOW) ==
            0 &&
        S_ISREG(Stat.st_mode))
      Files.push_back({Name + "/" + Item->d_name,
                       static_cast<uint64_t>(Stat.st_size), Stat.st_atime,
                       Stat.st_mtime});
  }
}

std::vector<FolderFile> listFolders(const std::string &Root,
                                    ArrayRef<std::string> Names) {
  std::vector<FolderFile> Files;
  for (const std::string &Name : Names)
    listFolder(Root, Name, Files);
  return Files;
}

uint32_t removeFiles(ArrayRef<std::string> Paths) {
  return count_if(Paths, [](const std::string &Path) {
    return ::unlink(Path.c_str()) == 0;
  });
}

int lockFile(const std::string &Path) {
  int FD = ::open(Path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (FD < 0)
    return NoLock;
  if (::flock(FD, LOCK_EX | LOCK_NB) == 0)
    return FD;
  bool IsBusy = errno == EWOULDBLOCK;
  ::close(FD);
  return IsBusy ? BusyLock : NoLock;
}

void unlockFile(int FD) {
  if (FD >= 0)
    ::close(FD);
}

} // namespace finegrain
