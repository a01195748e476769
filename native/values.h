// Values between JavaScript and the steps.

#ifndef FINEGRAIN_VALUES_H
#define FINEGRAIN_VALUES_H

#include "steps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <napi.h>

namespace finegrain {

// ---- values in

inline llvm::StringRef bytesIn(Napi::Value Value) {
  auto Array = Value.As<Napi::Uint8Array>();
  return {reinterpret_cast<const char *>(Array.Data()), Array.ByteLength()};
}

inline std::string stringIn(Napi::Value Value) {
  return Value.As<Napi::String>().Utf8Value();
}

template <class Read> auto listIn(Napi::Value Value, Read ItemIn) {
  auto Array = Value.As<Napi::Array>();
  std::vector<decltype(ItemIn(Value))> List;
  for (uint32_t I = 0; I != Array.Length(); ++I)
    List.push_back(ItemIn(Array.Get(I)));
  return List;
}

inline std::vector<std::string> stringsIn(Napi::Value Value) {
  return listIn(Value, stringIn);
}

inline std::vector<llvm::StringRef> bytesListIn(Napi::Value Value) {
  return listIn(Value, bytesIn);
}

inline Bytes copyIn(Napi::Value Value) {
  llvm::StringRef Content = bytesIn(Value);
  return Bytes(Content.begin(), Content.end());
}

// ---- values out

inline Napi::Value bytesOut(Napi::Env Env, Bytes &&Content) {
  auto *Owned = new Bytes(std::move(Content));
  return Napi::Buffer<char>::NewOrCopy(
      Env, Owned->data(), Owned->size(),
      [](Napi::Env, char *, Bytes *Owned) { delete Owned; }, Owned);
}

inline Napi::Value stringOut(Napi::Env Env, const std::string &Text) {
  return Napi::String::New(Env, Text);
}

inline Napi::Value wordsOut(Napi::Env Env, llvm::ArrayRef<uint32_t> Words) {
  auto Array = Napi::Uint32Array::New(Env, Words.size());
  llvm::copy(Words, Array.Data());
  return Array;
}

// Many small values as one block of bytes and the offsets at which each ends:
// a JavaScript object for each would cost more than the step itself.
inline Napi::Object blockOut(Napi::Env Env, Bytes &&Block,
                             llvm::ArrayRef<uint32_t> Ends) {
  Napi::Object Result = Napi::Object::New(Env);
  Result.Set("bytes", bytesOut(Env, std::move(Block)));
  Result.Set("ends", wordsOut(Env, Ends));
  return Result;
}

inline Napi::Object
blockOut(Napi::Env Env, size_t Count,
         llvm::function_ref<llvm::StringRef(size_t)> Content) {
  Bytes Block;
  std::vector<uint32_t> Ends;
  for (size_t I = 0; I != Count; ++I) {
    llvm::StringRef Piece = Content(I);
    Block.append(Piece.begin(), Piece.end());
    Ends.push_back(Block.size());
  }
  return blockOut(Env, std::move(Block), Ends);
}

// For the functions of an addon: exporter(Env, Exports)("name", function).
inline auto exporter(Napi::Env Env, Napi::Object Exports) {
  return [Env, Exports](const char *Name, auto Function) mutable {
    Exports.Set(Name, Napi::Function::New(Env, Function, Name));
  };
}

} // namespace finegrain

#endif
