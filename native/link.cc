// Runs lld in this process. lld takes file names only, so the archive is handed
// over as a file that lives in memory. lld keeps its state in globals: one link
// at a time. It ends the process on errors it calls fatal, unless LLVM's crash
// recovery is on; that installs signal handlers, so it is on for the link only.

#include "error.h"
#include "fatal.h"
#include "lld/Common/Driver.h"
#include "steps.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/raw_ostream.h"
#include <future>
#include <memory>
#include <mutex>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

using namespace llvm;

namespace finegrain {

static constexpr StringLiteral ArchiveName = "finegrain-units";
static constexpr size_t BufferSize = 256 * 1024;

static Error writeTo(int FD, function_ref<Error(raw_ostream &)> WriteContent) {
  raw_fd_ostream OS(FD, /*shouldClose=*/false);
  OS.SetBufferSize(BufferSize);
  Error Failure = WriteContent(OS);
  OS.flush();
  if (!Failure && OS.has_error())
    Failure = stepError("LINK_FAILED", errorCodeToError(OS.error()));
  OS.clear_error();
  return Failure;
}

static std::string replaceAll(StringRef Text, StringRef From, StringRef To) {
  std::string Result;
  while (true) {
    auto [Head, Tail] = Text.split(From);
    Result += Head;
    if (Head.size() == Text.size())
      return Result;
    Result += To;
    Text = Tail;
  }
}

static Expected<int> runLld(ArrayRef<const char *> Arguments,
                            std::string &Messages, bool &IsClean) {
  raw_string_ostream OS(Messages);
  CrashRecoveryContext::Enable();
  lld::Result Result{1, false};
  Error Fatal = catchFatalErrors([&] {
    Result = lld::lldMain(Arguments, OS, OS, {{lld::Gnu, &lld::elf::link}});
  });
  CrashRecoveryContext::Disable();
  IsClean = !Fatal && Result.canRunAgain;
  if (Fatal)
    return Fatal;
  return Result.retCode;
}

// An error that lld calls fatal leaves objects half made, and lld destroys them
// with its thread. So each link has a thread of its own, and that of a link
// which ended like this never ends.
static Expected<int> linkOnOwnThread(ArrayRef<const char *> Arguments,
                                     std::string &Messages) {
  static std::mutex OneAtATime;
  std::lock_guard<std::mutex> Lock(OneAtATime);
  struct Outcome {
    std::promise<void> IsDone;
    Expected<int> Status = 1;
    bool IsClean = false;
  };
  auto Shared = std::make_shared<Outcome>();
  std::thread Linker([Shared, Arguments, &Messages] {
    Shared->Status = runLld(Arguments, Messages, Shared->IsClean);
    Shared->IsDone.set_value();
    while (!Shared->IsClean)
      pause();
  });
  Shared->IsDone.get_future().wait();
  if (Shared->IsClean)
    Linker.join();
  else
    Linker.detach();
  return std::move(Shared->Status);
}

Expected<std::string> link(ArrayRef<std::string> Before,
                           function_ref<Error(raw_ostream &)> WriteArchive,
                           ArrayRef<std::string> After) {
  int FD = memfd_create(ArchiveName.data(), MFD_CLOEXEC);
  if (FD < 0)
    return stepError("LINK_FAILED", errorCodeToError(errnoAsErrorCode()));
  auto Close = scope_exit([&] { close(FD); });
  if (Error Failure = writeTo(FD, WriteArchive))
    return Failure;
  std::string Path = "/proc/self/fd/" + std::to_string(FD);

  std::vector<const char *> Arguments{"ld.lld"};
  for (const std::string &Argument : Before)
    Arguments.push_back(Argument.c_str());
  for (const char *Argument :
       {"--whole-archive", Path.c_str(), "--no-whole-archive"})
    Arguments.push_back(Argument);
  for (const std::string &Argument : After)
    Arguments.push_back(Argument.c_str());

  std::string Messages;
  Expected<int> Status = linkOnOwnThread(Arguments, Messages);
  if (!Status)
    return stepError("LINK_FAILED", Status.takeError());
  std::string Text = replaceAll(StringRef(Messages).rtrim(), Path, ArchiveName);
  if (*Status != 0)
    return stepError("LINK_FAILED",
                     Text.empty() ? "lld crashed without a message" : Text);
  return Text;
}

} // namespace finegrain
