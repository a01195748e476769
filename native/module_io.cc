#include "module_io.h"
#include "error.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace finegrain {

Diagnostics::Diagnostics(LLVMContext &Context) {
  Context.setDiagnosticHandlerCallBack(
      [](const DiagnosticInfo *Info, void *Self) {
        if (Info->getSeverity() != DS_Error)
          return;
        raw_string_ostream OS(static_cast<Diagnostics *>(Self)->Text);
        DiagnosticPrinterRawOStream Printer(OS);
        Info->print(Printer);
        OS << "\n";
      },
      this);
}

Expected<std::unique_ptr<Module>> parseModule(StringRef Bitcode,
                                              LLVMContext &Context) {
  Expected<std::unique_ptr<Module>> M =
      parseBitcodeFile(MemoryBufferRef(Bitcode, ""), Context);
  if (!M)
    return stepError("INVALID_INPUT", M.takeError());
  return M;
}

Error verify(const Module &M) {
  std::string Message;
  raw_string_ostream OS(Message);
  if (verifyModule(M, &OS))
    return stepError("INVALID_INPUT", StringRef(Message).rtrim());
  return Error::success();
}

Bytes writeModule(const Module &M) {
  Bytes Buffer;
  BitcodeWriter Writer(Buffer);
  Writer.writeModule(M);
  Writer.writeStrtab();
  return Buffer;
}

} // namespace finegrain
